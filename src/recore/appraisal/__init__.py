"""How a thing is judged: the grade of a case."""
