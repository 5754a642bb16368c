//! What a fault is, and of what sort.

use super::*;

#[test]
fn sorts_by_what_can_be_done() {
    assert_eq!(sort("HTTP 503 Service Unavailable"), Sort::Transient);
    assert_eq!(sort("requests.exceptions.ReadTimeout: read timed out"), Sort::Timeout);
    assert_eq!(sort("cp: cannot create x: Permission denied"), Sort::Access);
    assert_eq!(sort("Error: user not found"), Sort::Absent);
    assert_eq!(sort("f() got an unexpected keyword argument 'z'"), Sort::Arguments);
    assert_eq!(sort("line 5000: syntax error"), Sort::Other);
}

#[test]
fn the_telling_line_is_the_named_error() {
    let text = "Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no\n";
    assert_eq!(telling_line(text), "ValueError: no");
    assert_eq!(telling_line("Exit code 1\nbash: foo: command not found"), "bash: foo: command not found");
    assert_eq!(telling_line("Exit code 1"), "Exit code 1");
}

#[test]
fn json_errors_are_read_and_empty_ones_are_not() {
    assert!(json_error("{\"error\": \"no such order\"}"));
    assert!(!json_error("{\"error\": null, \"data\": 1}"));
    assert!(json_error("{\"data\": 1, \"success\": false}"));
}

#[test]
fn a_servers_status_line_is_read() {
    for line in ["http/1.1 503 service unavailable", "http 500", "status code: 404", "502 bad gateway"] {
        assert!(bad_status(line), "{line}");
    }
    for line in ["http/1.1 200 ok", "503 orders were shipped", "500", "status: 12 ready", "4040 x"] {
        assert!(!bad_status(line), "{line}");
    }
}

#[test]
fn fields_that_say_failure_are_read_in_small_objects() {
    for text in [
        r#"{"message": "no", "error": {"code": 5}}"#,
        r#"{"status": "failed", "reason": "busy"}"#,
        r#"{"statusCode": 502}"#,
        r#"{"data": null, "success": false}"#,
    ] {
        assert!(object_error(text), "{text}");
    }
    for text in [
        r#"{"error": null, "data": 1}"#,
        r#"{"status": "delivered"}"#,
        r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"status":"failed"}"#,
        r#"{"errors": []}"#,
        "[1]",
    ] {
        assert!(!object_error(text), "{text}");
    }
}

#[test]
fn a_checks_command_is_told_from_others() {
    assert!(is_check("cd app && python -m pytest -q"));
    assert!(is_check("python test_app.py"));
    assert!(!is_check("python app.py"));
    assert!(CHECKS.is_some());
}
