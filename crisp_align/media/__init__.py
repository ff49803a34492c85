"""Any file or pipe as blocks of 16 kHz mono samples."""
