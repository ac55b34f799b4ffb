//! Constants of modules and sets in files: by name and value, or refused.

use crate::random::Random;
use dfdx::nn::DeviceBuildExt;
use dfdx::nn::builders::Linear;
use dfdx::shapes::Dtype;
use dfdx::tensor::{AsArray, Cpu};
use dfdx::tensor_ops::Device;
use dmci::Interpreter;
use dmci::dfdx::{Layer, ModuleError, ParamSet, ProgramModule, TensorFiles};
use dmci::syntax::Constraint;
use std::fs;
use std::path::PathBuf;

const USUAL: &str = "(param k 2.0) (param tau 0.5 (> 0)) (* k tau x)";

type Two<E> = ProgramModule<1, 1, 2, E>;

fn module<E: Dtype>(text: &str) -> Two<E>
where
    Cpu: Device<E>,
{
    Two::compile(&Cpu::default(), &Interpreter::embedded(), text, ["x"]).unwrap()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn reason(result: Result<(), ModuleError>) -> String {
    match result {
        Err(ModuleError::File { path, reason }) => {
            assert!(!path.is_empty());
            reason
        }
        other => panic!("{other:?}"),
    }
}

/// Every bit comes back, in f32 and f64, whatever the order of the constants.
fn every_bit<E: Dtype>(name: &str)
where
    Cpu: Device<E>,
{
    let path = file(name);
    let turned = "(param tau 3.0 (> 0)) (param k 1.0) (* k tau x)";
    let mut random = Random::new(7);
    for _ in 0..50 {
        let mut saved = module::<E>(USUAL);
        saved.set("k", random.between(-5.0, 5.0)).unwrap();
        saved.set("tau", random.between(1e-6, 2.0)).unwrap();
        saved.save_constants(&path).unwrap();
        let mut same = module::<E>(USUAL);
        same.load_constants(&path).unwrap();
        assert_eq!(saved.constants.array(), same.constants.array());
        let mut other = module::<E>(turned);
        other.load_constants(&path).unwrap();
        assert_eq!(other.value("k"), saved.value("k"));
        assert_eq!(other.value("tau"), saved.value("tau"));
    }
}

#[test]
fn constants_come_back_by_name() {
    every_bit::<f32>("by-name-f32.json");
    every_bit::<f64>("by-name-f64.json");
}

#[test]
fn another_range_takes_the_value_or_refuses_it() {
    let path = file("ranges.json");
    let mut saved = module::<f64>(USUAL);
    saved.set("tau", 0.75).unwrap();
    saved.save_constants(&path).unwrap();
    let bounded = "(param k 0.0) (param tau 0.1 (between 0 1)) (* k tau x)";
    let mut bounded = module::<f64>(bounded);
    bounded.load_constants(&path).unwrap();
    assert!((bounded.value("tau").unwrap() - 0.75).abs() < 1e-15);
    let narrow = "(param k 0.0) (param tau 0.1 (between 0 0.5)) (* k tau x)";
    let mut narrow = module::<f64>(narrow);
    let before = narrow.constants.array();
    let reason = reason(narrow.load_constants(&path));
    assert!(
        reason.starts_with("does not fit: 0.7") && reason.ends_with("outside the range of `tau`"),
        "{reason}"
    );
    assert_eq!(narrow.constants.array(), before);
}

#[test]
fn files_of_other_constants_are_refused() {
    let path = file("refused.json");
    let usual = module::<f64>(USUAL);
    usual.save_constants(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let mut taker = module::<f64>(USUAL);
    let before = taker.constants.array();
    let mut refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let reason = reason(taker.load_constants(&path));
        assert_eq!(taker.constants.array(), before);
        reason
    };
    assert_eq!(
        refused("\"k\"", "\"q\""),
        "has `q`, which is no constant here"
    );
    assert_eq!(refused("\"tau\"", "\"k\""), "has `k` twice");
    let outside = refused("\"value\": 0.5", "\"value\": -0.5");
    assert!(
        outside.contains("-0.5 is outside the range of `tau`"),
        "{outside}"
    );
    for value in ["1e999", "\"nan\"", "null"] {
        let reason = refused("\"value\": 2.0", &format!("\"value\": {value}"));
        assert!(reason.starts_with("is no file of constants: "), "{reason}");
    }
    assert!(refused("dmci-constants", "other").contains("but of \"other\""));
    assert!(refused("\"version\": 1", "\"version\": 2").contains("version 2"));
    assert!(refused("{", "").starts_with("is no file of constants: "));
    let one = "(param k 2.0) (* k x)";
    let one: ProgramModule<1, 1, 1, f64> =
        ProgramModule::compile(&Cpu::default(), &Interpreter::embedded(), one, ["x"]).unwrap();
    one.save_constants(&path).unwrap();
    assert_eq!(reason(taker.load_constants(&path)), "has no `tau`");
    let missing = reason(taker.load_constants(file("no-such.json")));
    assert!(missing.starts_with("cannot be read: "), "{missing}");
    assert!(reason(taker.save_constants(file("no/such/folder.json"))).contains("written"));
    // What is too large for f32 is not infinite there.
    fs::write(&path, text.replace("\"value\": 2.0", "\"value\": 1e300")).unwrap();
    let mut single = module::<f32>(USUAL);
    assert!(reason(single.load_constants(&path)).contains("too large"));
    taker.load_constants(&path).unwrap();
    assert_eq!(taker.value("k"), Some(1e300));
    taker.constants = taker.constants.clone() * f64::NAN;
    assert!(reason(taker.save_constants(&path)).contains("is NaN"));
}

/// dfdx's own files hold coordinates without names: their keys say which.
#[test]
fn files_of_dfdx_are_of_one_order_and_one_set_of_ranges() {
    let device = Cpu::default();
    let network = |text: &str| {
        let linear = device.build_module::<Layer<Linear<2, 1>>, f32>();
        (linear, module::<f32>(text))
    };
    let mut saved = network(USUAL);
    saved.1.set("tau", 7.0).unwrap();
    let (npz, tensors) = (file("keys.npz"), file("keys.safetensors"));
    saved.save_npz(&npz).unwrap();
    saved.save_safetensors(&tensors).unwrap();
    let mut same = network(USUAL);
    same.load_npz(&npz).unwrap();
    assert_eq!(same.1.values(), saved.1.values());
    let mut same = network(USUAL);
    same.load_safetensors(&tensors).unwrap();
    assert_eq!(same.1.values(), saved.1.values());
    for other in [
        "(param tau 0.5 (> 0)) (param k 2.0) (* k tau x)",
        "(param k 2.0) (param tau 0.5 (> 0.125)) (* k tau x)",
        "(param k 2.0) (param tau 0.5 (between 0 1)) (* k tau x)",
        "(param k 2.0) (param tau 0.5) (* k tau x)",
        "(param k 2.0) (param sigma 0.5 (> 0)) (* k sigma x)",
    ] {
        let mut other = network(other);
        let before = (other.1.values(), other.0.0.weight.array());
        let error = other.load_safetensors(&tensors).unwrap_err();
        assert!(format!("{error:?}").contains("1.constants[k,") || before.0[1] == 2.0);
        assert!(other.load_npz(&npz).is_err());
        assert_eq!((other.1.values(), other.0.0.weight.array()), before);
    }
    let wide = module::<f64>(USUAL);
    let mut wide = (device.build_module::<Layer<Linear<2, 1>>, f64>(), wide);
    assert_eq!(
        reason(wide.load_npz(&npz)),
        "has `0.layer.weight` with shape [1, 2] of f32, and shape [1, 2] of f64 is wanted"
    );
}

/// Bytes that no network wrote are refused, whatever they are, and change nothing.
#[test]
fn damaged_files_are_refused() {
    let mut saved = module::<f32>(USUAL);
    let mut taker = module::<f32>(USUAL);
    saved.set("tau", 7.0).unwrap();
    let path = file("damaged");
    let mut random = Random::new(5);
    saved.save_npz(&path).unwrap();
    let npz = fs::read(&path).unwrap();
    saved.save_safetensors(&path).unwrap();
    let tensors = fs::read(&path).unwrap();
    let mut refused = 0;
    for round in 0..2000 {
        let whole = [&npz, &tensors][round % 2];
        let mut bytes = whole.clone();
        for _ in 0..=random.below(3) {
            let place = random.below(bytes.len());
            bytes[place] = random.below(256) as u8;
        }
        if random.percent(20) {
            bytes.truncate(random.below(whole.len()));
        }
        fs::write(&path, bytes).unwrap();
        let before = taker.constants.array();
        let result = match round % 2 {
            0 => taker.load_npz(&path),
            _ => taker.load_safetensors(&path),
        };
        if result.is_err() {
            refused += 1;
            assert!(!reason(result).is_empty());
            assert_eq!(taker.constants.array(), before);
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn sets_come_back_by_name_and_range() {
    let set = |params: &[(&str, f64, Constraint)]| -> ParamSet<f32> {
        ParamSet::new(&Cpu::default(), params.iter().copied()).unwrap()
    };
    let k = ("k", 2.0, Constraint::Free);
    let mut saved = set(&[k, ("tau", 0.5, Constraint::Above(0.0))]);
    saved.set("tau", 0.7).unwrap();
    let (path, tensors) = (file("set-values.json"), file("set-ranges.safetensors"));
    saved.save_constants(&path).unwrap();
    saved.save_safetensors(&tensors).unwrap();
    let mut other = set(&[("tau", 0.5, Constraint::Between(0.0, 1.0)), k]);
    assert!(other.load_safetensors(&tensors).is_err());
    other.load_constants(&path).unwrap();
    assert!((other.value("tau").unwrap() - saved.value("tau").unwrap()).abs() < 1e-7);
    let mut less = set(&[k]);
    assert_eq!(
        reason(less.load_constants(&path)),
        "has `tau`, which is no constant here"
    );
    let mut same = set(&[("tau", 0.5, Constraint::Above(0.0)), k]);
    same.load_constants(&path).unwrap();
    assert_eq!(same.value("tau"), saved.value("tau"));
}
