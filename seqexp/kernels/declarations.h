/* What Python sees: read by the C compiler and by cffi. Functions are in kernels.c's list, one of each set. */

struct pass {                 /* one pass of a cell over some columns of a batch */
    int64_t columns;          /* how many columns, */
    const int64_t *column;    /* which, the longest first, */
    const int64_t *length;    /* and how many steps each of them has */
    int64_t B, H, Hp;         /* columns of the batch; units; units rounded up to whole vectors */
    int64_t X, LD;            /* rows of x; numbers from one stacked column to the next */
    int64_t slots;            /* steps that gates has room for */
    int64_t switches;         /* see the cell */
    void *stack;              /* (T+1, B, LD): [1; h_{t-1}; x_t], h at the first multiple of 64 bytes */
    void *gates;              /* (slots, B, ·, Hp): of step t in slot (t + 1) % slots, the cell says which */
    void *reset;              /* (slots, B, LD): GRU, [1; r h] */
    const void *table;        /* (·, gates·Hp): what a step's sums begin with; */
    const int64_t *which;     /* (T, B): its row, or NULL for the first one */
    const void *of_h, *of_x;  /* packed weights */
    const void *of_g;         /* the same of gates or of the reset column */
    const void *peepholes;    /* (3, Hp): o, i, f, or NULL */
    const void *dh;           /* (T, B, H): dL/dh_t or NULL */
    void *dz;                 /* (stop - start, B, ·, Hp) */
    void *after;              /* (B, ·, Hp): dL/dstate_t from everything after step t */
    int64_t start, stop;      /* the steps of a backward call */
};
