/* Vectors of VL numbers of type R, and what the cells do to them.

   kernels.c includes this file, and those below it, once a set of kernels, that is a number type and a CPU. Before, it
   sets R, I (integers of R's size), VL, NR (columns of a tile), and SET, by which NAME tells the sets' functions
   apart. */

typedef R NAME(V) __attribute__((vector_size(VL * sizeof(R)), aligned(sizeof(R)), may_alias));
typedef I NAME(VI) __attribute__((vector_size(VL * sizeof(R))));
#define V NAME(V)
#define VI NAME(VI)
#define PAD ((int64_t)(64 / sizeof(R))) /* numbers before h in a stacked column; the last of them is the 1 */

static INLINE V NAME(load)(const R *from) { return *(const V *)from; }
static INLINE void NAME(store)(R *to, V value) { *(V *)to = value; }
static INLINE V NAME(every)(R value) { return value - (V){0}; }
static INLINE V NAME(chosen)(VI where, V yes, V no) { return (V)(((VI)yes & where) | ((VI)no & ~where)); }
#define LOAD NAME(load)
#define STORE NAME(store)
#define EVERY NAME(every)

/* Of a row's last vector only count numbers are its own. */
static INLINE void NAME(store_some)(R *to, V value, int64_t count) {
    if (count >= VL)
        STORE(to, value);
    else
        for (int64_t n = 0; n < count; n++) to[n] = value[n];
}

static INLINE V NAME(load_some)(const R *from, int64_t count) {
    if (count >= VL) return LOAD(from);
    V value = EVERY(0);
    for (int64_t n = 0; n < count; n++) value[n] = from[n];
    return value;
}

/* 1 / d. Of 16 floats the CPU's estimate and a Newton step are several times as fast as its division. */
static INLINE V NAME(inverse)(V d) {
#if BYTES == 64 && FLOATS == 32
    V y = (V)_mm512_rcp14_ps((__m512)d);
    return y + y * (1 - d * y);
#else
    return 1 / d;
#endif
}

/* 2^x for |x| <= RANGE as power * (1 + r * series): x = n + r, power = 2^n. */
static INLINE V NAME(parts_of_power)(V x, V *power) {
    V shifted = x + ROUNDER; /* the last bits are n and the exponent's bias */
    V r = x - (shifted - ROUNDER);
    *power = (V)((VI)shifted << MANTISSA);
    V series = EVERY(SERIES[0]);
#pragma GCC unroll 16
    for (int k = 1; k < (int)(sizeof SERIES / sizeof *SERIES); k++) series = series * r + SERIES[k];
    return r * series;
}

/* Keeps what is no number. */
static INLINE V NAME(within)(V x, R range) {
#if BYTES == 64 && FLOATS == 32
    return (V)_mm512_max_ps((__m512)EVERY(-range), _mm512_min_ps((__m512)EVERY(range), (__m512)x));
#elif BYTES == 64
    return (V)_mm512_max_pd((__m512d)EVERY(-range), _mm512_min_pd((__m512d)EVERY(range), (__m512d)x));
#elif BYTES == 32 && FLOATS == 32
    return (V)_mm256_max_ps((__m256)EVERY(-range), _mm256_min_ps((__m256)EVERY(range), (__m256)x));
#elif BYTES == 32
    return (V)_mm256_max_pd((__m256d)EVERY(-range), _mm256_min_pd((__m256d)EVERY(range), (__m256d)x));
#else
    x = NAME(chosen)(x > range, EVERY(range), x);
    return NAME(chosen)(x < -range, EVERY(-range), x);
#endif
}

#define LOG2_E ((R)1.44269504088896340736)

/* (exp(2x) - 1) / (exp(2x) + 1), the numerator without cancellation: 2^n (2^r - 1) + (2^n - 1). */
static INLINE V NAME(tanh)(V x) {
    V power, e = NAME(parts_of_power)(NAME(within)(x * (2 * LOG2_E), RANGE), &power);
    e = power * e + (power - 1);
    return e * NAME(inverse)(e + 2);
}

static INLINE V NAME(sigmoid)(V x) {
    V power, e = NAME(parts_of_power)(NAME(within)(x * -LOG2_E, RANGE), &power);
    return NAME(inverse)(power * e + power + 1);
}

/* e^x for x <= 0. What is smaller than the smallest normal number becomes it. */
static INLINE V NAME(power_of_e)(V x) {
    V power, e = NAME(parts_of_power)(NAME(within)(x * LOG2_E, LARGEST), &power);
    return power * e + power;
}
#define TANH NAME(tanh)
#define SIGMOID NAME(sigmoid)
