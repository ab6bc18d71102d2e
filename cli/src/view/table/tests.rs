//! The table at several sizes.

use super::*;
use crate::status::testing::{self, Case};
use expect_test::{Expect, expect};

fn text(cases: &[Case], (width, height): (usize, usize), first: usize) -> String {
    let now = Instant::now();
    let shown = Shown {
        tenants: &testing::tenants(cases, now),
        now,
        first,
        keys: true,
        ending: false,
    };
    let lines = lines(&shown, Size { width, height });
    assert!(lines.len() + FREE <= height.max(FREE + 3), "{} lines", lines.len());
    let text = |line: &Line| {
        let text: String = line.iter().map(|span| &*span.text).collect();
        assert!(text.width() <= width, "{text}");
        text.trim_end().to_owned() + "\n"
    };
    lines.iter().map(text).collect()
}

#[track_caller]
fn check(cases: &[Case], size: (usize, usize), expected: Expect) {
    expected.assert_eq(&text(cases, size, 0));
}

#[test]
fn every_state_at_120_columns() {
    check(
        &testing::ALL,
        (120, 40),
        expect![[r#"
            tenant     state           left  fps in    out  inferred/s  age p95  skipped/s   delay  workers  active         restarts
            camera 1   playing                 25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
            camera 2   playing 43 %    66 s    25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
            camera 3   playing                        30.0                                                                         0
            camera 4   no inference            25.0   25.0         0.0                25.0  340 ms        2  2 unknown             0
            camera 5   no inference             0.0    0.0         0.0                 0.0  340 ms        2  2 unknown             0
            camera 6   starting                                                                                                    0
            camera 7   stalled 12 s            25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
            camera 8   waiting 4.0 s                                                                      2                        3
            camera 9   stopping                25.0   25.0         5.4   312 ms       19.6  340 ms        2  bench 1 (red)         0
            camera 10  ended                                                                              2                        0
            camera 11  failed                                                                             2                        0
            camera 4 and camera 5: nothing inferred: no Triton server responds at grpc://10.0.0.7:8001: connection refused
            camera 7: no frame for 12 s
            camera 8: starts again in 4.0 s: rtspsrc0 (rtspsrc): Could not open resource for reading and writing. Failed to connect.
            camera 11: failed: infer (tritoninfer): no model 'nope'; the server has vest_resnet18, worker_ensemble
            11 tenants · 21.6 inferred/s · q ends
        "#]],
    );
}

#[test]
fn every_state_at_80_columns() {
    check(
        &testing::ALL,
        (80, 24),
        expect![[r#"
            tenant     state           left  fps in    out  inferred/s  age p95  skipped/s
            camera 1   playing                 25.0   25.0         5.4   312 ms       19.6
            camera 2   playing 43 %    66 s    25.0   25.0         5.4   312 ms       19.6
            camera 3   playing                        30.0
            camera 4   no inference            25.0   25.0         0.0                25.0
            camera 5   no inference             0.0    0.0         0.0                 0.0
            camera 6   starting
            camera 7   stalled 12 s            25.0   25.0         5.4   312 ms       19.6
            camera 8   waiting 4.0 s
            camera 9   stopping                25.0   25.0         5.4   312 ms       19.6
            camera 10  ended
            camera 11  failed
            camera 4 and camera 5: nothing inferred: no Triton server responds at grpc://10…
            camera 7: no frame for 12 s
            camera 8: starts again in 4.0 s: rtspsrc0 (rtspsrc): Could not open resource fo…
            camera 11: failed: infer (tritoninfer): no model 'nope'; the server has vest_re…
            11 tenants · 21.6 inferred/s · q ends
        "#]],
    );
}

#[test]
fn every_state_at_40_columns() {
    check(
        &testing::ALL,
        (40, 24),
        expect![[r#"
            tenant     state          inferred/s
            camera 1   playing               5.4
            camera 2   playing 43 %          5.4
            camera 3   playing
            camera 4   no inference          0.0
            camera 5   no inference          0.0
            camera 6   starting
            camera 7   stalled 12 s          5.4
            camera 8   waiting 4.0 s
            camera 9   stopping              5.4
            camera 10  ended
            camera 11  failed
            camera 4 and camera 5: nothing inferred…
            camera 7: no frame for 12 s
            camera 8: starts again in 4.0 s: rtspsr…
            camera 11: failed: infer (tritoninfer):…
            11 tenants · 21.6 inferred/s · q ends
        "#]],
    );
}

#[test]
fn one_camera_at_160_columns() {
    check(
        &[Case::Playing],
        (160, 50),
        expect![[r#"
        tenant    state         fps in    out  inferred/s  age p95  skipped/s                  delay  workers   active         restarts
        camera 1  playing         25.0   25.0         5.4   312 ms  19.2 overload 0.4 failed  340 ms  red blue  bench 1 (red)         0
        1 tenant · q ends
    "#]],
    );
}

#[test]
fn one_file() {
    check(
        &[Case::File],
        (80, 24),
        expect![[r#"
        tenant    state          left  fps in    out  inferred/s  age p95  skipped/s
        camera 1  playing 43 %   66 s    25.0   25.0         5.4   312 ms       19.6
        1 tenant · q ends
    "#]],
    );
}

#[test]
fn no_tenant() {
    check(
        &[],
        (80, 24),
        expect![[r#"
        no tenant yet · q ends
    "#]],
    );
}

#[test]
fn many_tenants_are_scrolled() {
    let many: Vec<_> = (0..64)
        .map(|n| if n % 8 == 3 { Case::Dead } else { Case::Playing })
        .collect();
    check(
        &many,
        (80, 24),
        expect![[r#"
            tenant     state         fps in    out  inferred/s  age p95  skipped/s  active
            camera 1   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 2   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 3   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 4   no inference    25.0   25.0         0.0                25.0     0/2
            camera 5   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 6   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 7   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 8   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 9   playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 10  playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 11  playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 12  no inference    25.0   25.0         0.0                25.0     0/2
            camera 13  playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 14  playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 15  playing         25.0   25.0         5.4   312 ms       19.6     1/2
            camera 4, camera 12 and 6 more: nothing inferred: no Triton server responds at
            grpc://10.0.0.7:8001: connection refused
            64 tenants · 302.4 inferred/s · 1–15 shown, ↑ ↓ scroll · q ends
        "#]],
    );
    let end = text(&many, (80, 24), 99);
    assert!(end.contains("camera 64") && end.contains("–64 shown"), "{end}");
}

#[test]
fn no_size_is_too_small() {
    for width in [0, 1, 3, 10] {
        for height in [0, 1, 5] {
            text(&testing::ALL, (width, height), 3);
        }
    }
}

#[test]
fn the_only_trouble_has_several_lines() {
    check(
        &[Case::Dead],
        (80, 24),
        expect![[r#"
        tenant    state         fps in    out  inferred/s  age p95  skipped/s  active
        camera 1  no inference    25.0   25.0         0.0                25.0  2 unknown
        camera 1: nothing inferred for 20 s, 132 frames passed: no Triton server
        responds at grpc://10.0.0.7:8001: connection refused
        1 tenant · q ends
    "#]],
    );
    for (width, most, expected) in [
        (9, 3, &["one two", "three", "four"][..]),
        (9, 2, &["one two", "three fo…"]),
        (3, 2, &["one", "tw…"]),
        (9, 0, &[]),
    ] {
        assert_eq!(wrapped("one two three four", width, most), expected, "{width} {most}");
    }
}

#[test]
fn texts_are_cut_by_their_width() {
    for (text, width, expected) in [
        ("camera", 6, "camera"),
        ("camera", 5, "came…"),
        ("厨房厨房", 5, "厨房…"),
        ("x", 0, ""),
    ] {
        assert_eq!(shorten(text, width), expected);
    }
}

#[test]
fn colours_are_off_where_there_are_none() {
    for look in [Look::Plain, Look::Head, Look::Good, Look::Wait, Look::Bad, Look::Faint] {
        assert_eq!(look.style(false).foreground_color, None, "{look:?}");
    }
    assert!(Look::Bad.style(true).foreground_color.is_some());
}
