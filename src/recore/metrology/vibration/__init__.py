"""Vibration: severity, bearing diagnosis, orders, before and after."""
