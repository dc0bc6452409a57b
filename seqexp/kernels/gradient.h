/* The weights' gradient, dW[r][k] += sum_n dz[n][r] a[n][k]: outer products of a column's derivatives dz and of what it
   was multiplied with, a. Both lie as a pass leaves them, and nothing is packed. A tile of up to four vectors of k and NR
   rows stays in registers for a block of columns, whose a stay in the core's first cache from tile to tile. */

enum { NAME(BLOCK_N) = 128 };

static INLINE void NAME(outer_tile)(const int G, const int N, R *to, int64_t width, int64_t left, const R *dz,
                                    int64_t dz_row, const R *a, int64_t a_row, int64_t columns) {
    V sums[4][NR];
#pragma GCC unroll 4
    for (int g = 0; g < G; g++)
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) sums[g][j] = EVERY(0);
#pragma GCC unroll 1
    for (int64_t n = 0; n < columns; n++, a += a_row, dz += dz_row) {
        __builtin_prefetch(dz + N, 0, 3); /* of the tile that comes next */
        const R *x[NR];
#pragma GCC unroll 8
        for (int j = 0; j < N; j++) x[j] = dz + j;
        NAME(add_one)(sums, G, N, a, x);
    }
#pragma GCC unroll 8
    for (int j = 0; j < N; j++)
#pragma GCC unroll 4
        for (int g = 0; g < G; g++) {
            R *at = to + j * width + g * VL;
            NAME(store_some)(at, NAME(load_some)(at, left - g * VL) + sums[g][j], left - g * VL);
        }
}

/* The same of one k, such as the bias, whose a is 1. */
static INLINE void NAME(outer_column)(R *to, int64_t width, int64_t left, const R *dz, int64_t dz_row, const R *a,
                                      int64_t a_row, int64_t columns) {
    V sums[4] = {EVERY(0), EVERY(0), EVERY(0), EVERY(0)};
    const int whole = left >= 4 * VL;
    for (int64_t n = 0; n < columns; n++, a += a_row, dz += dz_row)
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            sums[g] += (whole ? LOAD(dz + g * VL) : NAME(load_some)(dz + g * VL, left - g * VL)) * *a;
    for (int64_t r = 0; r < left && r < 4 * VL; r++) to[r * width] += sums[r / VL][r % VL];
}

/* Units first, … of G gates: dz (N, G, Hp) in rows of dz_row numbers, a (N, K) in rows of LD. Gate g's rows of dW are
   those of block at[g], H rows of ``width`` numbers, or -1: there are none of it. K is often some vectors and one or two
   numbers more, which are columns by themselves: the first of all and the last ones. Else the last vector may reach into
   the memory after a column. */
void NAME(gradient)(void *dW, int64_t width, const int64_t *at, int64_t G, int64_t H, int64_t Hp, int64_t first,
                    int64_t last, const void *dz_, int64_t dz_row, const void *a_, int64_t LD, int64_t K, int64_t N) {
    unsigned long before = without_subnormals();
    const int64_t rows = last - first, few = K % VL <= 3 ? K % VL : 0, start = few > 0, stop = K - few + start;
    for (int64_t n0 = 0; n0 < N; n0 += NAME(BLOCK_N))
        for (int64_t gate = 0; gate < G; gate++) {
            if (at[gate] < 0) continue;
            const int64_t columns = N - n0 < NAME(BLOCK_N) ? N - n0 : NAME(BLOCK_N);
            const R *dz = (const R *)dz_ + n0 * dz_row + gate * Hp + first, *a = (const R *)a_ + n0 * LD;
            R *to = (R *)dW + (at[gate] * H + first) * width;
            for (int64_t c = 0; c < few; c++) {
                const int64_t k = c ? stop + c - 1 : 0;
                for (int64_t r = 0; r < rows; r += 4 * VL)
                    NAME(outer_column)(to + r * width + k, width, rows - r, dz + r, dz_row, a + k, LD, columns);
            }
            for (int64_t k = start, vectors; k < stop; k += vectors * VL) {
                vectors = NAME(height)((stop - k + VL - 1) / VL);
                for (int64_t r = 0, n; r < rows; r += n) {
                    n = NAME(width)(rows - r);
#define TILE(G, N)                                                                                                     \
    NAME(outer_tile)(G, N, to + r * width + k, width, stop - k, dz + r, dz_row, a + k, LD, columns)
#define ONE(N) TILE(1, N)
#define TWO(N) TILE(2, N)
#define THREE(N) TILE(3, N)
#define FOUR(N) TILE(4, N)
                    OF_VECTORS(vectors, n)
                }
            }
        }
#undef TILE
#undef ONE
#undef TWO
#undef THREE
#undef FOUR
    with_subnormals(before);
}
