"""Machine spindles: routes of restoration, what each will give, and the test that it did."""
