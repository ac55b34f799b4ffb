//! A small transformer that reads sentences: words go in, logits of what is to be called come out.
//!
//! ```text
//! words ──Embedding──▶ + places ──encoder──▶ a vector a word ──side by side, Linear──▶ logits
//! ```
//!
//! **Invariants**
//! - All logits come of one layer: heads of their own, split by dfdx's `SplitInto`, leave the encoder
//!   without a gradient where the loss is of one of them.

use super::training::Taped;
use dfdx::nn::builders::{Embedding, Linear, TransformerEncoder};
use dfdx::nn::{BuildOnDevice, DeviceBuildExt, Module};
use dfdx::shapes::Const;
use dfdx::tensor::{Cpu, Gradients, TensorFromVec, Trace};
use dfdx::tensor_ops::ReshapeTo;
use dmci::dfdx::ModuleError;

/// How long sentences are, in words; shorter ones end in blanks.
pub(crate) const WORDS: usize = 9;

/// How many numbers stand for a word.
pub(crate) const WIDTH: usize = 48;

/// All numbers of a sentence.
pub(crate) const ALL: usize = WORDS * WIDTH;

type Built<M> = <M as BuildOnDevice<Cpu, f32>>::Built;

/// The network: of V words, to OUT logits.
pub(crate) type Reader<const V: usize, const OUT: usize> = (
    Built<Embedding<V, WIDTH>>,
    Built<Embedding<WORDS, WIDTH>>,
    Built<TransformerEncoder<WIDTH, 4, 96, 2>>,
    Built<Linear<ALL, OUT>>,
);

/// A network with weights drawn by a device's seed.
pub(crate) fn reader<const V: usize, const OUT: usize>(device: &Cpu) -> Reader<V, OUT> {
    (
        device.build_module::<Embedding<V, WIDTH>, f32>(),
        device.build_module::<Embedding<WORDS, WIDTH>, f32>(),
        device.build_module::<TransformerEncoder<WIDTH, 4, 96, 2>, f32>(),
        device.build_module::<Linear<ALL, OUT>, f32>(),
    )
}

/// The logits of sentences, on the tape of these gradients.
///
/// # Errors
/// No memory.
pub(crate) fn logits<const V: usize, const OUT: usize>(
    (words, places, encoder, last): &Reader<V, OUT>,
    sentences: &[[usize; WORDS]],
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<OUT>, ModuleError> {
    let device = Cpu::default();
    let count = sentences.len();
    let shape = (count, Const::<WORDS>);
    let ids = device.tensor_from_vec(sentences.concat(), shape);
    let at: Vec<usize> = (0..count).flat_map(|_| 0..WORDS).collect();
    let at = device.tensor_from_vec(at, shape);
    let words = words.try_forward(ids.traced(gradients))?;
    let places = places.try_forward(at.leaky_traced())?;
    let read = encoder.try_forward(words + places)?;
    let side_by_side = read.try_reshape_like(&(count, Const::<ALL>))?;
    Ok(last.try_forward(side_by_side)?)
}
