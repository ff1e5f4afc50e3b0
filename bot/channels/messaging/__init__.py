"""What all messengers share: their webhooks' way in, and their replies' way out."""
