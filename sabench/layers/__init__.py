"""The layers, one file per paper system; attention layers call one `attend` of `kernels`."""
