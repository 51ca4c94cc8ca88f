//! Which runs are merged, and what it costs in the long run.

use super::*;

fn runs(tiers: &[&[u64]]) -> Vec<RunMeta> {
    let mut runs = Vec::new();
    for (checkpoint, sizes) in (1..).zip(tiers) {
        runs.extend(sizes.iter().map(|size| RunMeta {
            checkpoint,
            size: *size,
            ..RunMeta::default()
        }));
    }
    runs
}

fn policy() -> Policy {
    Policy {
        small_bytes: 1,
        ..Policy::default()
    }
}

#[test]
fn eight_neighbours_of_similar_size_are_merged_and_seven_are_not() {
    let mut tiers: Vec<&[u64]> = vec![&[10_000]];
    tiers.extend([&[10u64, 11][..]; 7]);
    assert_eq!(choose(&runs(&tiers), &policy()), None);
    tiers.push(&[30]);
    assert_eq!(choose(&runs(&tiers), &policy()), Some(1..16));
}

#[test]
fn everything_is_merged_once_the_newer_tiers_are_as_large_as_the_oldest() {
    let mut tiers: Vec<&[u64]> = vec![&[100, 100]];
    tiers.extend([&[50u64][..], &[5], &[50], &[5], &[50], &[5], &[35]]);
    assert_eq!(choose(&runs(&tiers), &policy()), Some(0..9));
}

#[test]
fn a_list_that_never_has_similar_neighbours_does_not_grow_for_ever() {
    let mut tiers: Vec<&[u64]> = vec![&[1_000_000]];
    for _ in 0..16 {
        tiers.extend([&[1u64][..], &[100]]);
    }
    assert_eq!(choose(&runs(&tiers), &policy()), Some(17..33));
    assert_eq!(choose(&runs(&tiers[..32]), &policy()), None);
}

#[test]
fn an_empty_list_is_good_as_it_is() {
    assert_eq!(choose(&[], &policy()), None);
}

/// 1 GiB of state, 1 % of it dirty at each checkpoint: how many bytes are written per dirty byte?
#[test]
fn at_one_percent_dirty_a_byte_is_written_less_than_six_times() {
    const MIB: u64 = 1 << 20;
    let state = 1024 * MIB;
    let dirty = state / 100;
    let mut list = runs(&[&[state]]);
    let (mut snapshots, mut merges, mut tiers_most) = (0, 0, 0);
    for checkpoint in 2..2_000 {
        list.push(RunMeta {
            checkpoint,
            size: dirty,
            ..RunMeta::default()
        });
        snapshots += dirty;
        if let Some(chosen) = choose(&list, &Policy::default()) {
            let sum: u64 = list[chosen.clone()].iter().map(|run| run.size).sum();
            // Uniform updates: what overlaps shrinks, nothing grows beyond the state.
            let share = (state as f64) * (1.0 - (-(sum as f64) / state as f64).exp());
            let size = if chosen.start == 0 {
                state
            } else {
                share as u64
            };
            merges += size;
            let newest = list[chosen.end - 1].checkpoint;
            list.splice(
                chosen,
                [RunMeta {
                    checkpoint: newest,
                    size,
                    ..RunMeta::default()
                }],
            );
        }
        tiers_most = tiers_most.max(list.len());
    }
    let amplification = (snapshots + merges) as f64 / snapshots as f64;
    assert!(amplification < 6.0, "{amplification}");
    assert!(tiers_most <= 24, "{tiers_most} tiers");
}
