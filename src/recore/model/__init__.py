"""The nouns: machine, component, case; identifiers; later route, operation, money."""
