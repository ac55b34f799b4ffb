//! Bars of progress on the terminal.
//!
//! **Invariants**
//! - They are drawn on terminals only, and nothing depends on whether they are.
//! - Where there is no terminal at all, on WebAssembly, a bar is nothing, and so is what it would bring.

#[cfg(not(target_family = "wasm"))]
pub(super) use indicatif::ProgressBar;
#[cfg(not(target_family = "wasm"))]
use indicatif::{ProgressDrawTarget, ProgressStyle};

/// A bar of so many steps, drawn as a template of indicatif's says, or hidden.
#[cfg(not(target_family = "wasm"))]
pub(super) fn bar(steps: u64, template: &str, is_hidden: bool) -> ProgressBar {
    let target = if is_hidden {
        ProgressDrawTarget::hidden()
    } else {
        // Draws on a terminal only.
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::with_draw_target(Some(steps), target).with_style(style)
}

/// No bar.
#[cfg(target_family = "wasm")]
pub(super) struct ProgressBar;

#[cfg(target_family = "wasm")]
#[allow(
    clippy::unused_self,
    reason = "what bars do elsewhere, with nowhere to draw"
)]
impl ProgressBar {
    pub(super) fn set_position(&self, _: u64) {}
    pub(super) fn set_length(&self, _: u64) {}
    pub(super) fn set_message(&self, _: String) {}
    pub(super) fn inc(&self, _: u64) {}
    pub(super) fn finish_and_clear(&self) {}
    pub(super) fn is_hidden(&self) -> bool {
        true
    }
}

/// No bar.
#[cfg(target_family = "wasm")]
pub(super) fn bar(_: u64, _: &str, _: bool) -> ProgressBar {
    ProgressBar
}
