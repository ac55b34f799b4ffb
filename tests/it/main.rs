//! Everything that is not the corpus, as modules of one binary.

#[cfg(feature = "cli")]
mod agree;
mod arrays;
mod block_lanes;
mod calls;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "dfdx")]
mod dfdx;
#[cfg(feature = "dfdx")]
mod dfdx_files;
#[cfg(feature = "dfdx")]
mod dfdx_module;
#[cfg(feature = "dfdx")]
mod dfdx_wide;
#[cfg(feature = "cli")]
mod explain;
mod export;
mod fit;
mod fit_context;
#[cfg(feature = "cli")]
mod fit_files;
#[cfg(feature = "cli")]
mod fit_loss;
mod fit_noise;
#[cfg(feature = "cli")]
mod fit_soften;
mod fit_trust;
mod front_door;
mod front_end;
#[cfg(feature = "cli")]
mod generate;
mod golden;
mod gradients;
mod hessian;
mod ir;
mod library;
mod limits;
mod machine;
mod many;
#[cfg(feature = "cli")]
mod memory;
#[cfg(feature = "cli")]
mod messages;
mod mistakes;
#[cfg(feature = "cli")]
mod monitor;
mod ncg;
mod nist;
mod not_finite;
mod r7rs;
#[cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        reason = "programs are generated for the command line's answers"
    )
)]
mod random;
mod recording;
mod registry;
#[cfg(feature = "cli")]
mod replay;
mod rolled;
#[cfg(feature = "dfdx")]
mod routing;
mod scaling;
#[cfg(feature = "cli")]
mod search;
#[cfg(feature = "cli")]
mod search_openai;
#[cfg(feature = "cli")]
mod search_served;
mod selfhost;
#[cfg(feature = "cli")]
mod service;
mod soft;
mod solving;
mod threads;
mod tidy;
#[cfg(feature = "cli")]
mod time;
mod vectors;
#[cfg(feature = "dfdx")]
mod verify;
#[cfg(all(feature = "cli", feature = "dfdx"))]
mod verify_random;
mod vjp;
mod written;
