(** * From the checker in Coq to a program

    Writes, in OCaml, [check_certificate], [passes] and what they are made of (Checker.v), and Flocq's
    [b64_of_bits]:
    - natgrad_checker_bits.ml, whose integers are Coq's own lists of bits;
    - natgrad_checker_gmp.ml, whose integers are those of Zarith (GMP).
    checker/natgrad_check.ml reads the files and prints; with the second it is natgrad-check, with the first
    natgrad-check-bits, which is slow and trusts no library for its arithmetic.

    Nothing is proved here. Coq's extraction is trusted, with its own directives for OCaml: booleans, lists,
    pairs and options become OCaml's; and for natgrad-check the operations on integers become Zarith's. There
    is no directive of our own. *)
From Coq Require Import Extraction.
From Flocq Require Import Bits.
From Natgrad Require Import Checker.
From Coq Require Import ExtrOcamlBasic.

Extraction Language OCaml.
Extraction "natgrad_checker_bits.ml" check_certificate passes b64_of_bits.

From Coq Require Import ExtrOcamlZBigInt.
Extraction "natgrad_checker_gmp.ml" check_certificate passes b64_of_bits.
