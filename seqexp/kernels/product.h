/* Products of a packed matrix with a few columns: a tile's sums stay in registers from the first k to the last.

   A panel is up to four vectors of rows, their weights adjacent for each k: (K, G, VL). Each number is the same sum in
   the same order, whatever columns are beside it. */

/* The share of the next panel, (K, G, VL), that belongs to n columns of so many, of which some have been. */
static INLINE struct ahead NAME(ahead)(const R *panel, int64_t G, int64_t K, int64_t been, int64_t n, int64_t columns) {
    return (struct ahead){(const char *)(panel + G * VL * K * been / columns), (G * BYTES * n + columns - 1) / columns};
}

/* sums[g][j] += w[g] * x[j]: one k of a tile, of G vectors and N numbers. */
static INLINE void NAME(add_one)(V (*sums)[NR], const int G, const int N, const R *w, const R *const *x) {
#if NR == 3 /* 16 registers: 12 sums, 3 numbers of x, and one vector of weights at a time */
    V every[NR];
#pragma GCC unroll 8
    for (int j = 0; j < N; j++) every[j] = EVERY(*x[j]);
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
        const V of_g = LOAD(w + g * VL);
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) sums[g][j] += of_g * every[j];
    }
#else
    V of_g[4];
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) of_g[g] = LOAD(w + g * VL);
#pragma GCC unroll 8
    for (int j = 0; j < N; j++) {
        const V every = EVERY(*x[j]);
#pragma GCC unroll 4
        for (int g = 0; g < G; g++) sums[g][j] += of_g[g] * every;
    }
#endif
}

/* to[g][j] += sum_k panel[k][g] * column[j][k]. G and N are constants wherever this is used. */
static INLINE void NAME(accumulate)(V (*to)[NR], const int G, const int N, const R *panel, int64_t K,
                                    const R *const *column, struct ahead next) {
    V sums[4][NR];
#pragma GCC unroll 4
    for (int g = 0; g < G; g++)
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) sums[g][j] = to[g][j];
#pragma GCC unroll 1
    for (int64_t k = 0; k < K; k++, panel += G * VL, next.at += next.pace) {
        __builtin_prefetch(next.at, 0, 2); /* not into the first cache, where it would be in the way */
        const R *x[NR];
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) x[j] = column[j] + k;
        NAME(add_one)(sums, G, N, panel, x);
    }
#pragma GCC unroll 4
    for (int g = 0; g < G; g++)
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) to[g][j] = sums[g][j];
}

/* CALL(N) with the constant N = n. */
#if NR == 6
#define OF_WIDTH(n, CALL)                                                                                              \
    switch (n) {                                                                                                       \
    case 1: CALL(1); break;                                                                                            \
    case 2: CALL(2); break;                                                                                            \
    case 4: CALL(4); break;                                                                                            \
    default: CALL(6);                                                                                                  \
    }
static INLINE int64_t NAME(width)(int64_t left) { return left >= 6 ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }
#else
#define OF_WIDTH(n, CALL)                                                                                              \
    switch (n) {                                                                                                       \
    case 1: CALL(1); break;                                                                                            \
    case 2: CALL(2); break;                                                                                            \
    default: CALL(3);                                                                                                  \
    }
static INLINE int64_t NAME(width)(int64_t left) { return left >= 3 ? 3 : left; }
#endif

/* TILE(G, N) with both numbers constant, by way of ONE(N) to FOUR(N), which the caller defines. */
#define OF_VECTORS(G, n)                                                                                               \
    if (G == 4) {                                                                                                      \
        OF_WIDTH(n, FOUR)                                                                                              \
    } else if (G == 3) {                                                                                               \
        OF_WIDTH(n, THREE)                                                                                             \
    } else if (G == 2) {                                                                                               \
        OF_WIDTH(n, TWO)                                                                                               \
    } else {                                                                                                           \
        OF_WIDTH(n, ONE)                                                                                               \
    }

/* The vectors of the next panel, of so many that are left: at most four, in panels as equal as possible. */
static INLINE int64_t NAME(height)(int64_t left) {
    const int64_t panels = (left + 3) / 4;
    return (left + panels - 1) / panels;
}

/* to[k * step + l] = W[l * width + k], zeros from l = count on: VL rows of weights, K columns, column by column. */
static void NAME(turn_rows)(R *to, int64_t step, const R *W, int64_t width, int64_t count, int64_t K) {
    for (int64_t k0 = 0; k0 < K; k0 += 16) { /* of each row a cache line at once */
        const int64_t k1 = k0 + 16 < K ? k0 + 16 : K;
        for (int64_t l = 0; l < VL; l++)
            for (int64_t k = k0; k < k1; k++) to[k * step + l] = l < count ? W[l * width + k] : 0;
    }
}

/* Weights W are blocks of H rows of ``width`` numbers. Gate g of a pass is block at[g], or -1: there are none of it. */

/* Columns first, … of W for a tile of G gates of the same units: panels (K, G, VL), one a vector of units. */
void NAME(pack_gates)(void *to, const void *W, int64_t width, int64_t H, int64_t Hp, const int64_t *at, int64_t G,
                      int64_t first, int64_t K) {
    R *panel = to;
    for (int64_t u = 0; u < Hp; u += VL, panel += K * G * VL)
        for (int64_t g = 0; g < G; g++) {
            const R *rows = (const R *)W + (at[g] < 0 ? 0 : at[g] * H + u) * width + first;
            NAME(turn_rows)(panel + g * VL, G * VL, rows, width, at[g] < 0 ? 0 : H - u, K);
        }
}

/* Columns first, … of one block for products with all of its units: panels of up to four vectors of them. */
void NAME(pack_units)(void *to, const void *W, int64_t width, int64_t H, int64_t Hp, const int64_t *at, int64_t G,
                      int64_t first, int64_t K) {
    R *panel = to;
    const R *block = (const R *)W + at[0] * H * width + first;
    for (int64_t u = 0, n; u < Hp; u += n * VL, panel += K * n * VL) {
        n = NAME(height)((Hp - u) / VL);
        for (int64_t v = 0; v < n; v++) {
            const int64_t row = u + v * VL;
            NAME(turn_rows)(panel + v * VL, n * VL, block + row * width, width, H - row, K);
        }
    }
    (void)G;
}

/* The transpose of G gates' columns first, … K of them: panels of up to four vectors of columns, of G Hp rows. */
void NAME(pack_back)(void *to, const void *W, int64_t width, int64_t H, int64_t Hp, const int64_t *at, int64_t G,
                     int64_t first, int64_t K) {
    R *panel = to;
    const int64_t vectors = (K + VL - 1) / VL;
    for (int64_t v = 0, n; v < vectors; v += n) {
        n = NAME(height)(vectors - v);
        const int64_t left = K - v * VL, count = left < n * VL ? left : n * VL;
        for (int64_t g = 0; g < G; g++)
            for (int64_t u = 0; u < Hp; u++, panel += n * VL) {
                const int64_t own = at[g] < 0 || u >= H ? 0 : count;
                for (int64_t l = 0; l < own; l++)
                    panel[l] = ((const R *)W)[(at[g] * H + u) * width + first + v * VL + l];
                for (int64_t l = own; l < n * VL; l++) panel[l] = 0;
            }
    }
}

static INLINE void NAME(units_tile)(const int G, const int N, const R *panel, int64_t K, const R *in, int64_t in_row,
                                    R *out, int64_t out_row, const int64_t *column, int64_t count, int adds,
                                    struct ahead next) {
    V sums[4][NR];
    const R *from[NR];
#pragma GCC unroll 1
    for (int j = 0; j < N; j++) {
        from[j] = in + column[j] * in_row;
#pragma GCC unroll 1
        for (int g = 0; g < G; g++)
            sums[g][j] = adds ? NAME(load_some)(out + column[j] * out_row + g * VL, count - g * VL) : EVERY(0);
    }
    NAME(accumulate)(sums, G, N, panel, K, from, next);
#pragma GCC unroll 1
    for (int j = 0; j < N; j++)
#pragma GCC unroll 1
        for (int g = 0; g < G; g++)
            NAME(store_some)(out + column[j] * out_row + g * VL, sums[g][j], count - g * VL);
}

enum { NAME(STRETCH_K) = 4096 / sizeof(R) };

/* out[b] (+)= W in[b] for some columns b: of panels of units, as pack_units leaves them. One stretch of K after the
   other, so that a panel's and the columns' numbers stay in the core's own cache; no sum changes its order. */
static __attribute__((noinline)) void NAME(multiply)(const R *panels, int64_t K, const R *in, int64_t in_row, R *out,
                                                     int64_t out_row, int64_t count, const int64_t *column,
                                                     int64_t columns, int adds) {
    for (int64_t k = 0, some; k < K; k += some, adds = 1) {
        const R *panel = panels;
        some = K - k < NAME(STRETCH_K) ? K - k : NAME(STRETCH_K);
        for (int64_t u = 0, G; u < count; u += G * VL) {
            const int64_t left = count - u;
            G = NAME(height)((left + VL - 1) / VL);
            const R *then = left > G * VL ? panel + (K + k) * G * VL : panels + (k + some < K ? k + some : 0) * G * VL;
            for (int64_t b = 0, n; b < columns; b += n) {
                n = NAME(width)(columns - b);
                const struct ahead next = NAME(ahead)(then, G, some, b, n, columns);
#define TILE(G, N)                                                                                                     \
    NAME(units_tile)(G, N, panel + k * G * VL, some, in + k, in_row, out + u, out_row, column + b, left, adds, next)
#define ONE(N) TILE(1, N)
#define TWO(N) TILE(2, N)
#define THREE(N) TILE(3, N)
#define FOUR(N) TILE(4, N)
                OF_VECTORS(G, n)
            }
            panel += G * VL * K;
        }
    }
#undef TILE
#undef ONE
#undef TWO
#undef THREE
#undef FOUR
}

/* How many of the columns, the longest first, have a step t. */
static INLINE int64_t NAME(live)(const struct pass *s, int64_t t) {
    int64_t n = s->columns;
    while (n > 0 && s->length[n - 1] <= t) n--;
    return n;
}

/* What a column's sums begin with at step t. */
static INLINE const R *NAME(start_of)(const struct pass *s, int64_t t, int64_t b, int64_t gates) {
    return (const R *)s->table + (s->which ? s->which[t * s->B + b] * gates * s->Hp : 0);
}

static INLINE R *NAME(stacked)(const struct pass *s, int64_t t, int64_t b) {
    return (R *)s->stack + (t * s->B + b) * s->LD + PAD;
}

static INLINE R *NAME(slot)(const struct pass *s, int64_t t, int64_t b, int64_t rows) {
    return (R *)s->gates + ((t % s->slots) * s->B + b) * rows * s->Hp;
}

static INLINE R *NAME(reset)(const struct pass *s, int64_t t, int64_t b) {
    return (R *)s->reset + ((t % s->slots) * s->B + b) * (PAD + s->Hp) + PAD;
}

/* Every eighth step, round what goes on to the steps before to multiples of about 1e-27 (float32), so that a vanishing
   gradient ends as zero. Else the BLAS gets numbers whose products are subnormal; ``row`` numbers of each column. */
static INLINE void NAME(flush)(const struct pass *s, int64_t t, int64_t row) {
    if (t % 8 != 7) return;
    for (int64_t n = 0; n < s->columns; n++) {
        R *after = (R *)s->after + s->column[n] * row;
        for (int64_t k = 0; k < row; k++) after[k] = (after[k] + FLOOR) - FLOOR;
    }
}
