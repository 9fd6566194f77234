//! Weights for a network that has none: the distributions of PyTorch's defaults, from a seed, the same everywhere.

use super::Network;
use crate::layer::Layer;
use crate::tensor::Tensor;

impl Network {
    /// Fills every missing weight: convolution and linear layers with weights and biases uniform in
    /// `±1 / sqrt(fan_in)`, batch norms with factor 1, offset 0, mean 0 and variance 1.
    ///
    /// The numbers are those of a counter-based generator (lowbias32, by Chris Wellons), not PyTorch's stream.
    pub fn init(&mut self, seed: u32) {
        let Ok(shapes) = self.shapes() else { return };
        let inputs: Vec<Vec<usize>> = (0..self.nodes.len())
            .map(|i| self.edges.iter().find(|e| e.to == i).map_or_else(Vec::new, |e| shapes[e.from].clone()))
            .collect();
        for (index, (node, input)) in self.nodes.iter_mut().zip(inputs).enumerate() {
            let mut stream = Stream { key: mix(seed ^ mix(index as u32)), next: 0 };
            let channels = input.first().copied().unwrap_or(1);
            match &mut node.layer {
                Layer::Conv(conv) => {
                    let shape = conv.weight_shape(channels);
                    let fan_in: usize = shape[1..].iter().product();
                    let bias = conv.has_bias.then(|| vec![conv.out_channels]);
                    stream.fill(&mut conv.weight, Some(shape), fan_in);
                    stream.fill(&mut conv.bias, bias, fan_in);
                }
                Layer::Linear(linear) => {
                    let fan_in: usize = input.iter().product();
                    let bias = linear.has_bias.then(|| vec![linear.out_features]);
                    stream.fill(&mut linear.weight, Some(vec![linear.out_features, fan_in]), fan_in);
                    stream.fill(&mut linear.bias, bias, fan_in);
                }
                Layer::BatchNorm(norm) => {
                    let constant = |value: f32| Some(Tensor::filled([channels], value));
                    norm.running_mean = norm.running_mean.take().or_else(|| constant(0.0));
                    norm.running_var = norm.running_var.take().or_else(|| constant(1.0));
                    if norm.affine {
                        norm.weight = norm.weight.take().or_else(|| constant(1.0));
                        norm.bias = norm.bias.take().or_else(|| constant(0.0));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Numbers of one layer.
struct Stream {
    key: u32,
    next: u32,
}

impl Stream {
    fn fill(&mut self, slot: &mut Option<Tensor>, shape: Option<Vec<usize>>, fan_in: usize) {
        let (None, Some(shape)) = (&slot, shape) else { return };
        let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
        let mut tensor = Tensor::filled(shape, 0.0);
        tensor.data_mut().iter_mut().for_each(|w| *w = ((2.0 * self.uniform() - 1.0) * bound) as f32);
        *slot = Some(tensor);
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f64 {
        let bits = mix(self.next ^ self.key);
        self.next = self.next.wrapping_add(1);
        f64::from(bits >> 8) / f64::from(1u32 << 24)
    }
}

/// The finaliser lowbias32.
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}
