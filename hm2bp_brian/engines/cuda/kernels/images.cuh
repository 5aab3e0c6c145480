// Images changed at random: encoding/augmentation.py has the same in numpy, to the last bit. A thread has a pixel.
typedef unsigned char pixel;

struct Images {
    int n_images, height, width, n_channels;
    float elastic;
    const pixel *before;  // (n_images, height, width, n_channels)
    pixel *after;
    const int *mirrored;  // (n_images)
    const int *shifts;    // (n_images, 2), down and to the right; null where there are maps
    const double *maps;   // (n_images, 6)
    const int *fields;    // (n_images, 2, 3), number, row and column; null where nothing is distorted
    const float *noise;   // (n_fields, 2 * height, 2 * width)

    // A pixel of the image before, mirrored if it is to be; 0 outside.
    float at(int image, int row, int column, int channel) const {
        if (row < 0 || row >= height || column < 0 || column >= width) return 0;
        const int from = mirrored[image] ? width - 1 - column : column;
        return before[((int64_t(image) * height + row) * width + from) * n_channels + channel];
    }

    // How far a row (which 0) or a column (1) is displaced.
    float displacement(int image, int which, int row, int column) const {
        const int *field = fields + (image * 2 + which) * 3;
        return elastic * noise[(int64_t(field[0]) * 2 * height + field[1] + row) * 2 * width + field[2] + column];
    }
};

// A place as the pixel before it, and the part of a pixel beyond.
struct Split {
    int index;
    float part;

    Split(float place, int size) {
        const float inside = min(max(place + 1, 0.f), float(size + 1));
        index = min(int(inside), size) - 1;
        part = inside - float(index + 1);
    }
};

KERNEL(shift_images, Images) {
    const int place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= a.height * a.width) return;
    for (int image = blockIdx.y; image < a.n_images; image += gridDim.y) {
        const int row = place / a.width - a.shifts[2 * image], column = place % a.width - a.shifts[2 * image + 1];
        for (int channel = 0; channel < a.n_channels; channel++)
            a.after[(int64_t(image) * a.height * a.width + place) * a.n_channels + channel] =
                pixel(a.at(image, row, column, channel));
    }
}

KERNEL(interpolate_images, Images) {
    const int place = blockIdx.x * blockDim.x + threadIdx.x, row = place / a.width, column = place % a.width;
    if (row >= a.height) return;
    for (int image = blockIdx.y; image < a.n_images; image += gridDim.y) {
        const double *map = a.maps + 6 * image, y = row - map[0], x = column - map[1];
        float from_row = float((a.height - 1) / 2.0 + y * map[2] + x * map[3]);
        float from_column = float((a.width - 1) / 2.0 + x * map[4] - y * map[5]);
        if (a.fields) {
            from_row += a.displacement(image, 0, row, column);
            from_column += a.displacement(image, 1, row, column);
        }
        const Split down(from_row, a.height), right(from_column, a.width);
        for (int channel = 0; channel < a.n_channels; channel++) {
            float along[2];
#pragma unroll
            for (int k = 0; k < 2; k++) {
                const float first = a.at(image, down.index + k, right.index, channel);
                along[k] = first + right.part * (a.at(image, down.index + k, right.index + 1, channel) - first);
            }
            a.after[(int64_t(image) * a.height * a.width + place) * a.n_channels + channel] =
                pixel(rintf(along[0] + down.part * (along[1] - along[0])));
        }
    }
}
