"""Machines and parts into containers, onto flat racks and into deck slots: plan, check, securing, picture."""
