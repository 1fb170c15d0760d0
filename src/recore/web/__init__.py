"""Pages and JSON API. `recore.web.app.create_app` makes the application."""
