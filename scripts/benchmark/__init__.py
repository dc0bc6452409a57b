"""The speed of seqexp, measured: against PyTorch and JAX, against this machine, and against itself.

cases      what is measured: shapes, weights and batches, the same numbers for every side
ours, torch_peer, jax_peer      one training step of each side
server     one side in a process of its own; children: the processes as the measuring program sees them
steps      whole training steps, paired run by run
ways       equivalent ways to write one step
core       share of the machine's sgemm rate, growth with T, B and H, peak memory
report     rows on the terminal, figures in a file
"""
