// e^x in plain arithmetic, so that the compiler makes vectors of a loop over lanes: std::exp is a call for each of them.
// x = n ln 2 + r with a whole n and |r| <= ln 2 / 2; e^r is a polynomial (of S. L. Moshier's Cephes library) or a ratio (of
// Sun's fdlibm). Errors are below 1 unit in the last place; infinities and NaN are as those of std::exp.
#pragma once
#include <cstdint>
#include <cstring>

// What differs between the precisions. Adding `round` leaves the whole number in the lowest bits; ln 2 is a sum, of which
// the first part times n is exact.
template <typename Real>
struct Exponential;

template <>
struct Exponential<float> {
    typedef int32_t Bits;
    static constexpr int FRACTION = 23, BIAS = 127;
    static constexpr float least = -104, most = 89, round = 12582912;  // 1.5 * 2^23
    static constexpr float ln_2 = 0.693359375f, rest_of_ln_2 = -2.12194440e-4f;

    // e^(high - low)
    static float of_rest(float high, float low) {
        const float r = high - low;
        const float p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
                         1.6666665459e-1f) * r + 5.0000001201e-1f;
        return p * (r * r) + r + 1;
    }
};

template <>
struct Exponential<double> {
    typedef int64_t Bits;
    static constexpr int FRACTION = 52, BIAS = 1023;
    static constexpr double least = -746, most = 710, round = 6755399441055744;  // 1.5 * 2^52
    static constexpr double ln_2 = 6.93147180369123816490e-1, rest_of_ln_2 = 1.90821492927058770002e-10;

    static double of_rest(double high, double low) {
        const double r = high - low, s = r * r;
        const double c = r - s * (1.66666666666666019037e-1 + s * (-2.77777777770155933842e-3 + s * (6.61375632143793436117e-5 +
                                  s * (-1.65339022054652515390e-6 + s * 4.13813679705723846039e-8))));
        return 1 - ((low - (r * c) / (2 - c)) - high);
    }
};

template <typename To, typename From>
static inline To same_bits(From from) {
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

template <typename Real>
static inline Real exponential(Real x) {
    typedef Exponential<Real> E;
    typedef typename E::Bits Bits;
    const Real above = x < E::least ? E::least : x, inside = above > E::most ? E::most : above;  // NaN stays
    const Real shifted = inside * Real(1.4426950408889634) + E::round, n = shifted - E::round;
    // 2^n as a product of two: either may have an exponent beyond that of any number
    const Bits whole = same_bits<Bits>(shifted) - same_bits<Bits>(E::round), half = whole >> 1;
    const Real factor = same_bits<Real>((half + E::BIAS) << E::FRACTION);
    return E::of_rest(inside - n * E::ln_2, n * E::rest_of_ln_2) * factor *
           same_bits<Real>((whole - half + E::BIAS) << E::FRACTION);
}
