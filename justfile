# Short names for the commands of CONTRIBUTING.md; `just` is not needed for any of them.

# All that must hold before a change lands.
ci:
    .ci/run

# Takes the snapshots as they are now; look at the difference before it is committed.
accept:
    INSTA_UPDATE=always cargo test --test it ir
    git diff --stat -- tests/it/snapshots

# Compiles the evaluator and the prelude anew.
bootstrap:
    cargo run --release -- compile --interpreter -o bootstrap/interpreter.ncg

# Times a criterion bench as of a commit and as it is now: `just bench-compare main replay W3`.
bench-compare base bench *filter:
    git worktree add --force --detach target/before {{base}}
    cd target/before && CRITERION_HOME={{justfile_directory()}}/target/criterion cargo bench --bench {{bench}} -- --save-baseline before {{filter}}
    CRITERION_HOME={{justfile_directory()}}/target/criterion cargo bench --bench {{bench}} -- --baseline before {{filter}}
    git worktree remove --force target/before
