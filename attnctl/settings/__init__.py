"""The settings of a workspace: attnctl.toml, its sections and its template."""
