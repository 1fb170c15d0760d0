from recore.method import method


@method("acme.other-name", version=1)
def something(readings):
    return {"count": len(readings)}
