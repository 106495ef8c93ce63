"""What programs and notebooks use: the functions behind the names of the package `attnctl`."""
