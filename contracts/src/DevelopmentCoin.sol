// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Play money for development chains
/// @notice Stands where a stablecoin stands on a public chain, so that sales and payouts can be played through. Anyone
/// may make any amount; therefore it cannot be deployed where somebody could take it for money.
contract DevelopmentCoin is ERC20 {
    uint8 private immutable _DECIMALS;

    error NotADevelopmentChain(uint256 chainId);

    /// @param decimals_ how many digits stand behind the point, 6 as the large stablecoins have
    constructor(string memory name_, string memory symbol_, uint8 decimals_) ERC20(name_, symbol_) {
        // The chain ids of anvil, Hardhat and the embedded chain, and of Ganache and geth --dev.
        if (block.chainid != 31337 && block.chainid != 1337) revert NotADevelopmentChain(block.chainid);
        _DECIMALS = decimals_;
    }

    /// @notice Make an amount for somebody, in the token's units.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _DECIMALS;
    }
}
