//! The kernels of training: gradients of the others, batch statistics, losses, optimisers.
//!
//! Most compute each sample for itself. Some sum over samples into memory that all share, always in the same order:
//! samples ascending, and of a sample steps ascending. So the gradients of a batch do not depend on how it is cut into
//! parts that are computed one after the other, nor on threads.

pub mod batch_sum;
pub mod conv_input;
pub mod conv_weight;
pub mod delay_input;
pub mod linear_weight;
pub mod loss;
pub mod mask;
pub mod membrane_input;
pub mod norm_factors;
pub mod norm_input;
pub mod norm_merge;
pub mod norm_moments;
pub mod norm_sums;
pub mod optimise;
pub mod pool_input;
mod product;
pub mod quantise;
pub mod rate_penalty;
pub mod square_sum;
pub mod time_sum;
pub mod transpose;
