"""Green finance of a used machine: subsidy, loan, interest subsidy, lease, risk; every amount exact to the cent."""
