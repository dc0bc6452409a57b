/* What is no cell: other layouts, a product, Adam, the softmax loss. */

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

/* out[b] = W in[b] for the first columns b, of panels as pack_units leaves them: what a cell's products run at. */
void NAME(product)(const void *panel, int64_t K, const void *in, void *out, int64_t count, const int64_t *column,
                   int64_t columns) {
    NAME(multiply)(panel, K, in, K, out, count, count, column, columns, 0);
}

enum { NAME(STRETCH) = 64 };

/* Adam (training/optimizers.py): g enters M and V, if there is one; then w -= factor M / (sqrt V + e). Without a g it
   passes over stretches of zeros in M, the rows of a table that no batch has met: they would stay as they are. */
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
        for (int64_t start = 0; start < count; start += NAME(STRETCH)) {
            const int64_t stop = start + NAME(STRETCH) < count ? start + NAME(STRETCH) : count;
            int met = 0;
            for (int64_t n = start; n < stop; n++) met |= M[n] != 0;
            if (!met) continue;
            for (int64_t n = start; n < stop; n++) w[n] -= f * M[n] / (ROOT(v[n]) + e);
        }
}

/* g enters M and V in some rows of a table, whose other rows have none. */
void NAME(adam_rows)(const void *g_, void *M_, void *V_, const int64_t *rows, int64_t count, int64_t width, double of_g,
                     double of_square) {
    const R a = (R)of_g, b = (R)of_square;
    for (int64_t n = 0; n < count; n++) {
        const R *restrict g = (const R *)g_ + rows[n] * width;
        R *restrict M = (R *)M_ + rows[n] * width, *restrict v = (R *)V_ + rows[n] * width;
        for (int64_t k = 0; k < width; k++) {
            R d = g[k] * a;
            M[k] += d;
            v[k] += d * d * b;
        }
    }
}

/* Softmax of training/losses.py, N columns of Y numbers side by side: y becomes scale (softmax(y) - onehot(target)).
   total: of a column the sum of exp(y - max y); of_target: y - max y of its class. A column stays in the core's own
   cache from its maximum to its derivative. */
void NAME(softmax)(void *y_, const int64_t *target, void *total, void *of_target, int64_t N, int64_t Y, double scale) {
    unsigned long before = without_subnormals();
    const int64_t whole = Y / VL * VL;
    for (int64_t n = 0; n < N; n++) {
        R *y = (R *)y_ + n * Y, top = y[0], sum = 0;
        V tops = EVERY(top), sums = EVERY(0);
        for (int64_t k = 0; k < whole; k += VL) tops = NAME(chosen)(LOAD(y + k) > tops, LOAD(y + k), tops);
        for (int64_t l = 0; l < VL; l++) top = tops[l] > top ? tops[l] : top;
        for (int64_t k = whole; k < Y; k++) top = y[k] > top ? y[k] : top;
        ((R *)of_target)[n] = y[target[n]] - top;
        for (int64_t k = 0; k < whole; k += VL) {
            V e = NAME(power_of_e)(LOAD(y + k) - top);
            sums += e;
            STORE(y + k, e);
        }
        if (whole < Y) {
            V e = NAME(power_of_e)(NAME(load_some)(y + whole, Y - whole) - top);
            NAME(store_some)(y + whole, e, Y - whole);
        }
        for (int64_t l = 0; l < VL; l++) sum += sums[l];
        for (int64_t k = whole; k < Y; k++) sum += y[k];
        ((R *)total)[n] = sum;
        const R factor = (R)(scale / sum);
        for (int64_t k = 0; k < Y; k++) y[k] *= factor;
        y[target[n]] -= (R)scale;
    }
    with_subnormals(before);
}
