"""Life of components: distributions with censoring and covariates, remaining life from condition."""
