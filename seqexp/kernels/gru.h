/* The GRU of models/gru.py, whose docstrings have the equations; n is h~.

   gates: rows n, z, r of a step and a column, with reset=after q = W_hh h_{t-1} + b_hh too. reset=before has of_g,
   the packed W_hh, and in reset r h. */

static INLINE void NAME(gru_tile)(const int after, const int N, const struct pass *s, int64_t t, const int64_t *column,
                                  int64_t u, int64_t been, int64_t live) {
    const int64_t H = s->H, Hp = s->Hp, X = s->X, rows = after ? 4 : 3, next = u + VL < H ? u + VL : 0;
    const R *of_x = s->of_x, *of_h = s->of_h;
    V sums[4][NR];
    const R *h[NR], *x[NR];
#pragma GCC unroll 1
    for (int j = 0; j < N; j++) {
        const R *start = NAME(start_of)(s, t, column[j], rows) + u;
        for (int k = 0; k < rows; k++) sums[k][j] = LOAD(start + k * Hp);
        h[j] = NAME(stacked)(s, t, column[j]);
        x[j] = h[j] + H;
    }
    NAME(accumulate)(sums, 3, N, of_x + u * 3 * X, X, x, NAME(ahead)(of_x + next * 3 * X, 3, X, been, N, live));
    if (after)
        NAME(accumulate)(sums + 1, 3, N, of_h + u * 3 * H, H, h, NAME(ahead)(of_h + next * 3 * H, 3, H, been, N, live));
    else
        NAME(accumulate)(sums + 1, 2, N, of_h + u * 2 * H, H, h, NAME(ahead)(of_h + next * 2 * H, 2, H, been, N, live));
#pragma GCC unroll 1
    for (int j = 0; j < N; j++) {
        V z = FREEZES(s, 0) ? EVERY(1) : SIGMOID(sums[1][j]), r = FREEZES(s, 1) ? EVERY(1) : SIGMOID(sums[2][j]);
        V before = NAME(load_some)(h[j] + u, H - u), n = sums[0][j];
        R *now = NAME(slot)(s, t + 1, column[j], rows) + u;
        STORE(now + Hp, z);
        STORE(now + 2 * Hp, r);
        if (after) {
            n = TANH(n + r * sums[3][j]);
            STORE(now + 3 * Hp, sums[3][j]);
            NAME(store_some)(NAME(stacked)(s, t + 1, column[j]) + u, n + z * (before - n), H - u);
        } else
            STORE(NAME(reset)(s, t, column[j]) + u, r * before);
        STORE(now, n);
    }
}

void NAME(gru_forward)(const struct pass *s) {
    unsigned long subnormals = without_subnormals();
    const int64_t H = s->H, Hp = s->Hp;
    for (int64_t t = 0, live; (live = NAME(live)(s, t)); t++) {
        for (int64_t u = 0; u < H; u += VL)
            for (int64_t b = 0, n; b < live; b += n) {
                n = NAME(width)(live - b);
#define AFTER(N) NAME(gru_tile)(1, N, s, t, s->column + b, u, b, live)
#define BEFORE(N) NAME(gru_tile)(0, N, s, t, s->column + b, u, b, live)
                if (s->of_g) {
                    OF_WIDTH(n, BEFORE)
                } else {
                    OF_WIDTH(n, AFTER)
                }
#undef AFTER
#undef BEFORE
            }
        if (!s->of_g) continue;
        R *gates = NAME(slot)(s, t + 1, 0, 3);
        NAME(multiply)(s->of_g, H, NAME(reset)(s, t, 0), PAD + Hp, gates, 3 * Hp, Hp, s->column, live, 1);
        for (int64_t k = 0; k < live; k++)
            for (int64_t b = s->column[k], u = 0; u < H; u += VL) {
                R *now = gates + b * 3 * Hp + u;
                V n = TANH(LOAD(now)), h = NAME(load_some)(NAME(stacked)(s, t, b) + u, H - u);
                STORE(now, n);
                NAME(store_some)(NAME(stacked)(s, t + 1, b) + u, n + LOAD(now + Hp) * (h - n), H - u);
            }
    }
    with_subnormals(subnormals);
}

/* A column's dn_t and dz_t, with reset=after dr_t and dq_t, and what of dh_t goes on to dh_{t-1} directly. */
static INLINE void NAME(gru_back)(const int after, const struct pass *s, int64_t t, int64_t b) {
    const int64_t H = s->H, Hp = s->Hp, rows = after ? 4 : 3;
    const R *now = NAME(slot)(s, t + 1, b, rows), *h = NAME(stacked)(s, t, b);
    const R *dh_t = s->dh ? (const R *)s->dh + (t * s->B + b) * H : 0;
    R *dz = (R *)s->dz + ((t - s->start) * s->B + b) * rows * Hp, *later = (R *)s->after + b * 2 * Hp;
    for (int64_t u = 0; u < H; u += VL) {
        V n = LOAD(now + u), z = LOAD(now + Hp + u), r = LOAD(now + 2 * Hp + u), dh = LOAD(later + u);
        if (dh_t) dh += NAME(load_some)(dh_t + u, H - u);
        V d_n = dh * (1 - z) * (1 - n * n);
        STORE(dz + u, d_n);
        STORE(dz + Hp + u, dh * (NAME(load_some)(h + u, H - u) - n) * z * (1 - z));
        STORE(later + u, dh * z);
        if (after) {
            STORE(dz + 2 * Hp + u, d_n * LOAD(now + 3 * Hp + u) * r * (1 - r));
            STORE(dz + 3 * Hp + u, d_n * r);
        }
    }
}

void NAME(gru_backward)(const struct pass *s) {
    unsigned long subnormals = without_subnormals();
    const int64_t H = s->H, Hp = s->Hp, rows = s->of_g ? 3 : 4;
    for (int64_t t = s->stop - 1; t >= s->start; t--) {
        int64_t live = NAME(live)(s, t);
        R *dz = (R *)s->dz + (t - s->start) * s->B * rows * Hp, *after = s->after; /* rows dh and, for now, s */
        for (int64_t k = 0; k < live; k++)
            if (s->of_g)
                NAME(gru_back)(0, s, t, s->column[k]);
            else
                NAME(gru_back)(1, s, t, s->column[k]);
        for (int64_t k = live; k < s->columns; k++)
            memset(dz + s->column[k] * rows * Hp, 0, rows * Hp * sizeof(R));
        if (s->of_g) {
            NAME(multiply)(s->of_g, Hp, dz, rows * Hp, after + Hp, 2 * Hp, Hp, s->column, live, 0);
            for (int64_t k = 0; k < live; k++)
                for (int64_t b = s->column[k], u = 0; u < H; u += VL) {
                    R *later = after + b * 2 * Hp + u;
                    V sum = LOAD(later + Hp), r = LOAD(NAME(slot)(s, t + 1, b, 3) + 2 * Hp + u);
                    V h = NAME(load_some)(NAME(stacked)(s, t, b) + u, H - u);
                    STORE(dz + b * rows * Hp + 2 * Hp + u, sum * h * r * (1 - r));
                    STORE(later, LOAD(later) + sum * r);
                }
        }
        NAME(multiply)(s->of_h, (rows - 1) * Hp, dz + Hp, rows * Hp, after, 2 * Hp, Hp, s->column, live, 1);
        NAME(flush)(s, t, 2 * Hp);
    }
    with_subnormals(subnormals);
}
