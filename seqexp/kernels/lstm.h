/* The LSTM of models/lstm.py and of models/lstm_variants.py, whose docstrings have the equations.

   gates: rows o, i, f, t, c of a step and a column; slot 0 holds c_0, and g_0 in o, i, f. */

static INLINE void NAME(lstm_tile)(const int plain, const int N, const struct pass *s, int64_t t, const int64_t *column,
                                   int64_t u, int64_t been, int64_t live) {
    const int64_t H = s->H, Hp = s->Hp, K = H + s->X, next = u + VL < H ? u + VL : 0;
    const R *of_h = s->of_h, *of_g = s->of_g;
    V sums[4][NR];
    const R *before = NAME(slot)(s, t, 0, 5), *at = NAME(stacked)(s, t, 0);
    const R *h[NR], *g[NR];
#pragma GCC unroll 1
    for (int j = 0; j < N; j++) {
        const R *start = NAME(start_of)(s, t, column[j], 4) + u;
        for (int k = 0; k < 4; k++) sums[k][j] = LOAD(start + k * Hp);
        h[j] = at + column[j] * s->LD;
        g[j] = before + column[j] * 5 * Hp;
    }
    NAME(accumulate)(sums, 4, N, of_h + u * 4 * K, K, h, NAME(ahead)(of_h + next * 4 * K, 4, K, been, N, live));
    if (!plain && of_g)
        NAME(accumulate)(sums, 3, N, of_g + u * 9 * Hp, 3 * Hp, g,
                         NAME(ahead)(of_g + next * 9 * Hp, 3, 3 * Hp, been, N, live));
    const R *p = s->peepholes;
    R *after = NAME(slot)(s, t + 1, 0, 5) + u, *out = NAME(stacked)(s, t + 1, 0) + u;
#pragma GCC unroll 1
    for (int j = 0; j < N; j++) {
        V z_o = sums[0][j], z_i = sums[1][j], z_f = sums[2][j], z_t = sums[3][j], c = LOAD(g[j] + 4 * Hp + u);
        if (!plain && p) {
            z_i += LOAD(p + Hp + u) * c;
            z_f += LOAD(p + 2 * Hp + u) * c;
        }
        V f = !plain && FREEZES(s, 2) ? EVERY(1) : SIGMOID(z_f);
        V i = !plain && FREEZES(s, 1) ? EVERY(1) : SIGMOID(z_i);
        if (!plain && HAS(s, COUPLED)) i = 1 - f;
        V candidate = z_t;
        if (plain || !HAS(s, LINEAR_CANDIDATE)) candidate = TANH(z_t);
        c = f * c + i * candidate;
        if (!plain && p) z_o += LOAD(p + u) * c;
        V o = !plain && FREEZES(s, 0) ? EVERY(1) : SIGMOID(z_o);
        V of_c = c;
        if (plain || !HAS(s, LINEAR_OUTPUT)) of_c = TANH(c);
        R *now = after + column[j] * 5 * Hp;
        STORE(now, o);
        STORE(now + Hp, i);
        STORE(now + 2 * Hp, f);
        STORE(now + 3 * Hp, candidate);
        STORE(now + 4 * Hp, c);
        NAME(store_some)(out + column[j] * s->LD, o * of_c, H - u);
    }
}

void NAME(lstm_forward)(const struct pass *s) {
    unsigned long before = without_subnormals();
    const int plain = !(s->switches || s->peepholes || s->of_g);
    for (int64_t t = 0, live; (live = NAME(live)(s, t)); t++)
        for (int64_t u = 0; u < s->H; u += VL)
            for (int64_t b = 0, n; b < live; b += n) {
                n = NAME(width)(live - b);
#define PLAIN(N) NAME(lstm_tile)(1, N, s, t, s->column + b, u, b, live)
#define VARIANT(N) NAME(lstm_tile)(0, N, s, t, s->column + b, u, b, live)
                if (plain) {
                    OF_WIDTH(n, PLAIN)
                } else {
                    OF_WIDTH(n, VARIANT)
                }
#undef PLAIN
#undef VARIANT
            }
    with_subnormals(before);
}

/* dz_t and dc_{t-1} of a column from dh_t and dc_t, which lie in after: rows h, c, and g's o, i, f. */
static INLINE void NAME(lstm_back)(const int plain, const struct pass *s, int64_t t, int64_t b, const R *now,
                                   const R *c_before) {
    const int64_t H = s->H, Hp = s->Hp;
    const int64_t rows = !plain && s->of_g ? 5 : 2;
    const R *p = s->peepholes;
    const R *dh_t = s->dh ? (const R *)s->dh + (t * s->B + b) * H : 0;
    R *dz = (R *)s->dz + ((t - s->start) * s->B + b) * 4 * Hp, *after = (R *)s->after + b * rows * Hp;
    for (int64_t u = 0; u < H; u += VL) {
        V o = LOAD(now + u), i = LOAD(now + Hp + u), f = LOAD(now + 2 * Hp + u), candidate = LOAD(now + 3 * Hp + u);
        V c = LOAD(now + 4 * Hp + u), before = LOAD(c_before + u), dh = LOAD(after + u), dc = LOAD(after + Hp + u);
        if (dh_t) dh += NAME(load_some)(dh_t + u, H - u);
        V of_c = c, slope_c = EVERY(1);
        if (plain || !HAS(s, LINEAR_OUTPUT)) {
            of_c = TANH(c);
            slope_c = 1 - of_c * of_c;
        }
        V d_o = dh * of_c;
        if (!plain && s->of_g) d_o += LOAD(after + 2 * Hp + u);
        d_o *= o * (1 - o);
        dc += dh * o * slope_c;
        if (!plain && p) dc += LOAD(p + u) * d_o;
        V d_i = dc * candidate, d_f = dc * before, d_t = dc * i;
        if (!plain && HAS(s, COUPLED)) {
            d_f -= d_i;
            d_i = EVERY(0);
        }
        if (!plain && s->of_g) {
            if (plain || !HAS(s, COUPLED)) d_i += LOAD(after + 3 * Hp + u);
            d_f += LOAD(after + 4 * Hp + u);
        }
        d_i *= i * (1 - i);
        d_f *= f * (1 - f);
        dc *= f;
        if (!plain && p) dc += LOAD(p + Hp + u) * d_i + LOAD(p + 2 * Hp + u) * d_f;
        if (plain || !HAS(s, LINEAR_CANDIDATE)) d_t *= 1 - candidate * candidate;
        STORE(dz + u, d_o);
        STORE(dz + Hp + u, d_i);
        STORE(dz + 2 * Hp + u, d_f);
        STORE(dz + 3 * Hp + u, d_t);
        STORE(after + Hp + u, dc);
    }
}

void NAME(lstm_backward)(const struct pass *s) {
    unsigned long before = without_subnormals();
    const int64_t Hp = s->Hp, rows = s->of_g ? 5 : 2;
    const int plain = !(s->switches || s->peepholes || s->of_g);
    for (int64_t t = s->stop - 1; t >= s->start; t--) {
        int64_t live = NAME(live)(s, t);
        R *dz = (R *)s->dz + (t - s->start) * s->B * 4 * Hp, *after = s->after;
        const R *now = NAME(slot)(s, t + 1, 0, 5), *c_before = NAME(slot)(s, t, 0, 5) + 4 * Hp;
        for (int64_t n = 0; n < live; n++) {
            const int64_t b = s->column[n], gates = b * 5 * Hp;
            if (plain)
                NAME(lstm_back)(1, s, t, b, now + gates, c_before + gates);
            else
                NAME(lstm_back)(0, s, t, b, now + gates, c_before + gates);
        }
        for (int64_t n = live; n < s->columns; n++) memset(dz + s->column[n] * 4 * Hp, 0, 4 * Hp * sizeof(R));
        NAME(multiply)(s->of_h, 4 * Hp, dz, 4 * Hp, after, rows * Hp, Hp, s->column, live, 0);
        if (s->of_g)
            NAME(multiply)(s->of_g, 3 * Hp, dz, 4 * Hp, after + 2 * Hp, rows * Hp, 3 * Hp, s->column, live, 0);
        NAME(flush)(s, t, rows * Hp);
    }
    with_subnormals(before);
}
