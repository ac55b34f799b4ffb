//! The part of the front door that is the register machine's.

use dmci::machine::{Instruction, Line, Program, Shape, State, oracle};

#[test]
fn machines_of_anything() {
    for name in ["", "mul", "INC", "inc "] {
        assert_eq!(Instruction::from_name(name), None);
    }
    let odd = [0, 1, 2, 255, usize::MAX];
    for one in Instruction::ALL {
        assert_eq!(Instruction::from_name(one.name()), Some(one));
        for a in odd {
            let base = 7;
            let result = one.result(base, a, usize::MAX - a);
            assert!(result.is_none_or(|n| n < base));
            assert_eq!(
                result.is_some() || one == Instruction::Read,
                one.has_result()
            );
        }
    }
    for base in odd {
        for registers in [0, 1, 256, 257] {
            let shape = Shape {
                base,
                registers,
                lines: 2,
            };
            let fits = (2..=256).contains(&base) && (1..=256).contains(&registers);
            assert_eq!(shape.check().is_ok(), fits);
            if fits {
                assert_eq!(shape.columns(), 13 + 3 * registers + 2);
            }
        }
    }
    let shape = Shape {
        base: 3,
        registers: 1,
        lines: 2,
    };
    let mut program = Program::of(shape);
    for instruction in Instruction::ALL {
        program.lines[0] = Line {
            instruction,
            operands: [1, 2, usize::MAX],
            label: 7,
        };
        assert!(program.check().is_err());
        let mut state = State::of(shape);
        state.registers = vec![usize::MAX];
        state.memory.clear();
        oracle::step(&program, &mut state);
        assert!(oracle::run(&program, &mut state, 10) <= 10);
    }
}
