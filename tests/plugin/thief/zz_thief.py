from recore.method import method


@method("roundness.form", version=99)
def form(profile):
    return {"mzc_deviation": 0.0}


@method("acme.mean-wear", version=99)
def wear(readings):
    return {"mean_wear": 0.0}
