"""Machine telematics after ISO/TS 15143-3 (AEMP 2.0): documents, normaliser, client."""
