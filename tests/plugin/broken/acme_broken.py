raise RuntimeError("this package fails at import")
