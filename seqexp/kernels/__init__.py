"""Kernels of the recurrent cells in C, compiled once on the machine that runs them.

A cell's equations are in ``models/``; here is how a CPU computes them without a detour. Weights are packed once a pass,
so that a tile's sums stay in registers from the first product to the gate that they become (``product.h``). A column's
numbers lie side by side, and every column is computed by itself: its bits depend neither on the columns beside it nor
on how many threads share them.

kernels.c, set.h     once for float32 and once for float64, for the vectors of this CPU
vectors.h, product.h tanh and sigmoid of a vector; products
gradient.h           the sums of outer products that small weights' gradients are
lstm.h, gru.h, rnn.h forward and backward pass, each beside the equations of its model's file
rows.h               other layouts, Adam
declarations.h       what Python sees
build, library       compiled at the first use, kept in the user's cache folder, loaded
"""
