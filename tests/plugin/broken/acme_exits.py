import sys

print("a package that talks at import")
sys.exit(7)
