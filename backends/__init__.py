"""The speech backends that come with crisp-align; imported as `crisp_align_backends`."""
