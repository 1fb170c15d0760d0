"""What may be said of a remanufactured thing: condition words, remanufacturing rates, circularity data sheet."""
