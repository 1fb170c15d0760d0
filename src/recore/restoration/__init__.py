"""How a thing is restored: routes of operations, and what comes out of them."""
