"""The workspace settings: attnctl.toml, its sections and its template."""
