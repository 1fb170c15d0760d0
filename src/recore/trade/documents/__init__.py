"""The papers of a shipment as PDF: invoice, packing list, VGM declaration, inspection certificate, refund file."""
