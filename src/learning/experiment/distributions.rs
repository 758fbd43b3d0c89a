//! Functions of the normal and the beta distribution.

/// How many terms of a continued fraction are taken at the most. It needs about the square root of the larger parameter.
const TERMS: u32 = 5000;
/// What is too small to divide by.
const TINY: f64 = 1e-300;

/// The chance that a standard normal number is below `value`. By the Chebyshev fit of erfc in W. H. Press et al., Numerical Recipes, 6.2:
/// relative error below 1.2e-7 everywhere.
pub fn normal_below(value: f64) -> f64 {
    const FIT: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let distance = (value / std::f64::consts::SQRT_2).abs();
    let t = 1.0 / (1.0 + 0.5 * distance);
    let fitted = FIT.iter().fold(0.0, |sum, part| sum * t + part);
    let tail = 0.5 * t * (fitted - distance * distance).exp();
    if value > 0.0 { 1.0 - tail } else { tail }
}

/// The natural logarithm of the gamma function of a positive number (Lanczos, g = 7).
pub fn ln_gamma(value: f64) -> f64 {
    const FIT: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let below = value - 1.0;
    let (sum, _) = FIT.iter().fold((0.999_999_999_999_809_9, below), |(sum, place), part| (sum + part / (place + 1.0), place + 1.0));
    let t = below + 7.5;
    (below + 0.5) * t.ln() - t + 0.5 * (2.0 * std::f64::consts::PI).ln() + sum.ln()
}

/// The logarithm of the density of Beta(`a`, `b`) at a share between 0 and 1.
pub fn ln_beta_density(a: f64, b: f64, share: f64) -> f64 {
    (a - 1.0) * share.ln() + (b - 1.0) * (-share).ln_1p() - ln_beta(a, b)
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// The chance that a number distributed as Beta(`a`, `b`) is below a share: the regularised incomplete beta function (DLMF 8.17.22).
pub fn beta_below(a: f64, b: f64, share: f64) -> f64 {
    if share <= 0.0 {
        return 0.0;
    }
    if share >= 1.0 {
        return 1.0;
    }
    let front = (a * share.ln() + b * (-share).ln_1p() - ln_beta(a, b)).exp();
    // The fraction converges fast on this side of the mean, and the other side follows by symmetry.
    if share < (a + 1.0) / (a + b + 2.0) {
        (front * fraction(a, b, share) / a).clamp(0.0, 1.0)
    } else {
        (1.0 - front * fraction(b, a, 1.0 - share) / b).clamp(0.0, 1.0)
    }
}

/// The continued fraction by Lentz's method.
fn fraction(a: f64, b: f64, share: f64) -> f64 {
    let whole = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / whole(1.0 - (a + b) * share / (a + 1.0));
    let mut product = d;
    for term in 1..=TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * share / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / whole(1.0 + even * d);
        c = whole(1.0 + even / c);
        product *= d * c;
        let odd = -(a + m) * (a + b + m) * share / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / whole(1.0 + odd * d);
        c = whole(1.0 + odd / c);
        product *= d * c;
        if (d * c - 1.0).abs() < 1e-12 {
            break;
        }
    }
    product
}
