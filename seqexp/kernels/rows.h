/* What needs no matrix: other layouts, Adam. */

enum { NAME(BLOCK) = 16 };

/* to[t][c][r] = from[t][r][c]. */
void NAME(turn)(void *to_, int64_t to_step, int64_t to_row, const void *from_, int64_t from_step, int64_t from_row,
                int64_t steps, int64_t rows, int64_t columns) {
    for (int64_t t = 0; t < steps; t++)
        for (int64_t r0 = 0; r0 < rows; r0 += NAME(BLOCK))
            for (int64_t c0 = 0; c0 < columns; c0 += NAME(BLOCK)) {
                int64_t r1 = r0 + NAME(BLOCK) < rows ? r0 + NAME(BLOCK) : rows;
                int64_t c1 = c0 + NAME(BLOCK) < columns ? c0 + NAME(BLOCK) : columns;
                R *to = (R *)to_ + t * to_step;
                const R *from = (const R *)from_ + t * from_step;
                for (int64_t c = c0; c < c1; c++)
                    for (int64_t r = r0; r < r1; r++) to[c * to_row + r] = from[r * from_row + c];
            }
}

/* One block of Adam (training/optimizers.py): g enters M and V, if there is one; then w -= factor M / (sqrt V + e). */
void NAME(adam)(void *w_, const void *g_, void *M_, void *V_, int64_t count, double of_g, double of_square,
                double factor, double epsilon) {
    R *restrict w = w_, *restrict M = M_, *restrict v = V_;
    const R *restrict g = g_;
    const R a = (R)of_g, b = (R)of_square, f = (R)factor, e = (R)epsilon;
    if (g)
        for (int64_t n = 0; n < count; n++) {
            R d = g[n] * a;
            M[n] += d;
            v[n] += d * d * b;
            w[n] -= f * M[n] / (ROOT(v[n]) + e);
        }
    else
        for (int64_t n = 0; n < count; n++) w[n] -= f * M[n] / (ROOT(v[n]) + e);
}
