// Behind the namespaces of all populations, which EACH_POPULATION goes through.
KERNEL(forward_graph, GraphPresentation) {
    const int sample = blockIdx.y;
    int step = 0;
    EACH_POPULATION(start)
    for (; step < a.n_steps; step++) {
        EACH_POPULATION(update)
        __syncthreads();
        EACH_POPULATION(receive)
        __syncthreads();
    }
    EACH_POPULATION(finish)
}
