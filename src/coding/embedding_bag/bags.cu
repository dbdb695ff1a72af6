// The embedding bag on a CUDA device: one block a bag, one thread for every so manyth number of its line.
//
// Rows are summed in their order, and no product is fused with a sum: the result is that of the CPU, bit for bit.

// What `outside` tells, the first one found: a row that the table does not have, or a bag that the ids do not have.
constexpr unsigned int ROW = 1;
constexpr unsigned int BAG = 2;

__device__ void tell(unsigned int *outside, unsigned int what, unsigned int place) {
    if (threadIdx.x == 0 && atomicCAS(outside, 0u, what) == 0u) {
        outside[1] = place;
    }
}

// Adds rows of the table to one number of a line; says which of the places held a row outside, or `end`.
__device__ unsigned int add(
    const float *table, unsigned int rows, unsigned int dimension, const unsigned int *ids,
    unsigned int start, unsigned int end, unsigned int column, float *sum
) {
    for (unsigned int place = start; place < end; place++) {
        const unsigned int row = ids[place];
        if (row >= rows) {
            return place;
        }
        *sum = __fadd_rn(*sum, table[(unsigned long long)row * dimension + column]);
    }
    return end;
}

// `table` is rows × dimension, `bounds` one line start, averaged, end, divisor a bag, `means` bags × dimension.
extern "C" __global__ void embedding_bags(
    const float *table, unsigned int rows, unsigned int dimension, const unsigned int *ids, unsigned int id_count,
    const unsigned int *bounds, float *means, unsigned int *outside
) {
    const unsigned long long bag = blockIdx.x;
    const unsigned int start = bounds[4 * bag];
    const unsigned int averaged = bounds[4 * bag + 1];
    const unsigned int end = bounds[4 * bag + 2];
    const unsigned int divisor = bounds[4 * bag + 3];
    if (start > end || end > id_count) {
        tell(outside, BAG, end);
        return;
    }
    if (averaged < start || averaged > end) {
        tell(outside, BAG, averaged);
        return;
    }
    for (unsigned int column = threadIdx.x; column < dimension; column += blockDim.x) {
        float sum = 0.0f;
        unsigned int reached = add(table, rows, dimension, ids, start, averaged, column, &sum);
        if (reached == averaged) {
            if (divisor > 1) {
                sum = __fmul_rn(sum, __fdiv_rn(1.0f, __uint2float_rn(divisor)));
            }
            reached = add(table, rows, dimension, ids, averaged, end, column, &sum);
        }
        if (reached != end) {
            tell(outside, ROW, ids[reached]);
            return;
        }
        means[bag * dimension + column] = sum;
    }
}
