/* A layer of models/rnn.py. h_t is all there is: it lies in the next step's stacked column. */

static INLINE V NAME(activated)(const struct pass *s, V z) {
    if (s->switches == RELU) return NAME(chosen)(z > 0, z, EVERY(0));
    return s->switches == LOGISTIC ? SIGMOID(z) : TANH(z);
}

/* g'(z) by h = g(z). */
static INLINE V NAME(slope)(const struct pass *s, V h) {
    if (s->switches == RELU) return NAME(chosen)(h > 0, EVERY(1), EVERY(0));
    return s->switches == LOGISTIC ? h * (1 - h) : 1 - h * h;
}

void NAME(rnn_forward)(const struct pass *s) {
    unsigned long before = without_subnormals();
    const int64_t H = s->H;
    for (int64_t t = 0, live; (live = NAME(live)(s, t)); t++) {
        R *out = NAME(stacked)(s, t + 1, 0);
        for (int64_t n = 0; n < live; n++)
            memcpy(out + s->column[n] * s->LD, NAME(start_of)(s, t, s->column[n], 1), H * sizeof(R));
        NAME(multiply)(s->of_h, H + s->X, NAME(stacked)(s, t, 0), s->LD, out, s->LD, H, s->column, live, 1);
        for (int64_t n = 0; n < live; n++)
            for (int64_t u = 0; u < H; u += VL) {
                R *h = out + s->column[n] * s->LD + u;
                NAME(store_some)(h, NAME(activated)(s, NAME(load_some)(h, H - u)), H - u);
            }
    }
    with_subnormals(before);
}

void NAME(rnn_backward)(const struct pass *s) {
    unsigned long before = without_subnormals();
    const int64_t H = s->H, Hp = s->Hp;
    for (int64_t t = s->stop - 1; t >= s->start; t--) {
        int64_t live = NAME(live)(s, t);
        R *dz = (R *)s->dz + (t - s->start) * s->B * Hp, *after = s->after;
        for (int64_t n = 0; n < s->columns; n++) {
            int64_t b = s->column[n];
            if (n >= live) {
                memset(dz + b * Hp, 0, Hp * sizeof(R));
                continue;
            }
            const R *h = NAME(stacked)(s, t + 1, b), *dh_t = s->dh ? (const R *)s->dh + (t * s->B + b) * H : 0;
            for (int64_t u = 0; u < H; u += VL) {
                V dh = LOAD(after + b * Hp + u);
                if (dh_t) dh += NAME(load_some)(dh_t + u, H - u);
                STORE(dz + b * Hp + u, dh * NAME(slope)(s, NAME(load_some)(h + u, H - u)));
            }
        }
        NAME(multiply)(s->of_h, Hp, dz, Hp, after, Hp, Hp, s->column, live, 0);
        NAME(flush)(s, t, Hp);
    }
    with_subnormals(before);
}
