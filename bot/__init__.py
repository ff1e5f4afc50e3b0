"""The service: approved answers on cytokine release syndrome for families, with every red flag answered first."""
