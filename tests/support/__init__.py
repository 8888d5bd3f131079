"""What several tests share: servers on loopback, small models, a small corpus."""
