//! A small transformer that reads sentences: words go in, logits of what is to be called come out.
//!
//! ```text
//! words ──Embedding──▶ + places ──encoder──▶ a vector a word ──side by side, Linear──▶ logits
//!                                                   └──pointers, one Linear──▶ logits a pointer
//! ```
//!
//! A pointer is a mixture of the words' vectors, and one layer reads what any of them points at: what a
//! word means as a number is learned once, whatever its place and whatever the sentence asks for.
//!
//! **Invariants**
//! - All logits come of one layer: heads of their own, split by dfdx's `SplitInto`, leave the encoder
//!   without a gradient where the loss is of one of them.

use super::training::Taped;
use dfdx::nn::builders::{Embedding, Linear, TransformerEncoder, UnbiasedLinear};
use dfdx::nn::{BuildOnDevice, DeviceBuildExt, Module};
use dfdx::shapes::{Axis, Const};
use dfdx::tensor::{Cpu, Gradients, OwnedTape, Tensor, TensorFromVec, Trace, WithEmptyTape};
use dfdx::tensor_ops::{GatherTo, PermuteTo, ReshapeTo, TryMatMul};
use dmci::dfdx::ModuleError;

/// How long sentences are, in words; shorter ones end in blanks.
pub(crate) const WORDS: usize = 9;

/// How many numbers stand for a word.
pub(crate) const WIDTH: usize = 48;

/// All numbers of a sentence.
pub(crate) const ALL: usize = WORDS * WIDTH;

type Built<M> = <M as BuildOnDevice<Cpu, f32>>::Built;

/// A vector of each word of sentences.
type Encoded = Tensor<(usize, Const<WORDS>, Const<WIDTH>), f32, Cpu, OwnedTape<f32, Cpu>>;

/// What all read sentences by: V words, their places, and the encoder.
pub(crate) type Front<const V: usize> = (
    Built<Embedding<V, WIDTH>>,
    Built<Embedding<WORDS, WIDTH>>,
    Built<TransformerEncoder<WIDTH, 4, 96, 2>>,
);

fn front<const V: usize>(device: &Cpu) -> Front<V> {
    (
        device.build_module::<Embedding<V, WIDTH>, f32>(),
        device.build_module::<Embedding<WORDS, WIDTH>, f32>(),
        device.build_module::<TransformerEncoder<WIDTH, 4, 96, 2>, f32>(),
    )
}

/// The network: of V words, to OUT logits.
pub(crate) type Reader<const V: usize, const OUT: usize> = (Front<V>, Built<Linear<ALL, OUT>>);

/// A network with weights drawn by a device's seed.
pub(crate) fn reader<const V: usize, const OUT: usize>(device: &Cpu) -> Reader<V, OUT> {
    (
        front(device),
        device.build_module::<Linear<ALL, OUT>, f32>(),
    )
}

/// The encoder's vectors of the words of sentences, on the tape of these gradients.
fn encoded<const V: usize>(
    (words, places, encoder): &Front<V>,
    sentences: &[[usize; WORDS]],
    gradients: Gradients<f32, Cpu>,
) -> Result<Encoded, ModuleError> {
    let device = Cpu::default();
    let shape = (sentences.len(), Const::<WORDS>);
    let ids = device.tensor_from_vec(sentences.concat(), shape);
    let at = sentences.iter().flat_map(|_| 0..WORDS).collect();
    let at = device.tensor_from_vec(at, shape);
    let words = words.try_forward(ids.traced(gradients))?;
    let places = places.try_forward(at.leaky_traced())?;
    Ok(encoder.try_forward(words + places)?)
}

/// The logits of sentences, on the tape of these gradients.
///
/// # Errors
/// No memory.
pub(crate) fn logits<const V: usize, const OUT: usize>(
    (front, last): &Reader<V, OUT>,
    sentences: &[[usize; WORDS]],
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<OUT>, ModuleError> {
    let read = encoded(front, sentences, gradients)?;
    let side_by_side = read.try_reshape_like(&(sentences.len(), Const::<ALL>))?;
    Ok(last.try_forward(side_by_side)?)
}

/// How many pointers a [`Pointing`] reader has.
pub(crate) const POINTERS: usize = 4;

/// A network with pointers: of V words, to HEAD logits a pointer.
pub(crate) type Pointing<const V: usize, const HEAD: usize> = (
    Front<V>,
    Built<UnbiasedLinear<WIDTH, POINTERS>>,
    Built<Linear<WIDTH, HEAD>>,
);

/// A network with pointers, with weights drawn by a device's seed.
pub(crate) fn pointing<const V: usize, const HEAD: usize>(device: &Cpu) -> Pointing<V, HEAD> {
    (
        front(device),
        device.build_module::<UnbiasedLinear<WIDTH, POINTERS>, f32>(),
        device.build_module::<Linear<WIDTH, HEAD>, f32>(),
    )
}

/// Logits of sentences, on the tape of these gradients: those behind the pointers whose places are
/// `picked`, of all pointers' logits one after the other.
///
/// # Errors
/// No memory.
pub(crate) fn pointed<const V: usize, const HEAD: usize, const OUT: usize>(
    (front, pointers, last): &Pointing<V, HEAD>,
    sentences: &[[usize; WORDS]],
    picked: &[usize; OUT],
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<OUT>, ModuleError> {
    let count = sentences.len();
    let read = encoded(front, sentences, gradients)?;
    let values = read.with_empty_tape();
    let shares = pointers.try_forward(read)?.try_softmax::<Axis<1>>()?;
    let shares: Tensor<(usize, Const<POINTERS>, Const<WORDS>), _, _, _> = shares.try_permute()?;
    let found = shares.try_matmul(values)?;
    let flat = found.try_reshape_like(&(count * POINTERS, Const::<WIDTH>))?;
    let logits = last.try_forward(flat)?;
    let all = logits.try_reshape_like(&(count, POINTERS * HEAD))?;
    let at: Vec<usize> = (0..count).flat_map(|_| picked.iter().copied()).collect();
    let at = Cpu::default().tensor_from_vec(at, (count, Const::<OUT>));
    Ok(all.try_gather(at)?)
}
