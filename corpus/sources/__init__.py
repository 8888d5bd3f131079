"""Where documents come from: one small class for each origin, all behind ``base.Source``."""
