"""An attention module, a backbone and a data set for attnctl."""
